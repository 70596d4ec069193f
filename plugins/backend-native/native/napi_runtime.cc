#include "dispatch.h"
#include "napi_support.h"
#include "parallel.h"

namespace rnnx {

void register_runtime(napi_env env, napi_value exports) {
  define(env, exports, "isa", [](Call& call) { return make_string(call.env, isa_name()); });
  define(env, exports, "threadCount", [](Call& call) { return make_number(call.env, thread_count()); });
  define(env, exports, "setThreadCount", [](Call& call) -> napi_value {
    set_thread_count(static_cast<int>(call.size("count", 1, 256)));
    return nullptr;
  });
  // Like every function that puts nothing off, these wait for what was put off before.
  define(env, exports, "waitForKernels", [](Call&) -> napi_value { return nullptr; });
  define_later(env, exports, "kernelsCalled",
               [](Call& call) { return make_number(call.env, static_cast<double>(call.put_off())); });
  define_later(env, exports, "waitUntilRun", [](Call& call) -> napi_value {
    call.wait_until(static_cast<uint64_t>(call.size("count", 0, int64_t{1} << 53)));
    return nullptr;
  });
  define(env, exports, "setQueueMode", [](Call& call) -> napi_value {
    set_queue_mode(static_cast<QueueMode>(call.size("mode", 0, static_cast<int64_t>(QueueMode::count) - 1)));
    return nullptr;
  });
}

}  // namespace rnnx
