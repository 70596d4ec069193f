// Entry point of the addon. Each group of functions is registered by its own napi_*.cc.

#include <dlfcn.h>
#include <node_api.h>

#include "dispatch.h"
#include "napi_support.h"
#include "parallel.h"

namespace rnnx {

void register_gemm(napi_env env, napi_value exports);

namespace {

/// The pool's threads run code of this library as long as the process: Node must not unmap it when a worker ends.
void stay_loaded() {
  static const bool done = [] {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(&stay_loaded), &info) != 0) dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
    return true;
  }();
  static_cast<void>(done);
}

napi_value initialize(napi_env env, napi_value exports) {
  stay_loaded();
  define(env, exports, "isa", [](Call& call) { return make_string(call.env, isa_name()); });
  define(env, exports, "threadCount", [](Call& call) { return make_number(call.env, thread_count()); });
  define(env, exports, "setThreadCount", [](Call& call) -> napi_value {
    set_thread_count(static_cast<int>(call.size("count", 1, 256)));
    return nullptr;
  });
  register_gemm(env, exports);
  return exports;
}

}  // namespace
}  // namespace rnnx

NAPI_MODULE_INIT() { return rnnx::initialize(env, exports); }
