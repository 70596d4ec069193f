// Entry point of the addon. Each group of functions is registered by its own napi_*.cc.

#include <dlfcn.h>
#include <node_api.h>

#include "dispatch.h"
#include "napi_support.h"
#include "parallel.h"

namespace rnnx {

using Register = void(napi_env env, napi_value exports);
Register register_gemm;
__attribute__((weak)) Register register_elementwise;
__attribute__((weak)) Register register_reduce;
__attribute__((weak)) Register register_strided;
__attribute__((weak)) Register register_sequence;
__attribute__((weak)) Register register_losses;
__attribute__((weak)) Register register_optimizers;
__attribute__((weak)) Register register_random;
void register_elementwise(napi_env env, napi_value exports);
void register_reduce(napi_env env, napi_value exports);
void register_strided(napi_env env, napi_value exports);

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
  register_elementwise(env, exports);
  register_reduce(env, exports);
  register_strided(env, exports);
  if (register_sequence) register_sequence(env, exports);
  return exports;
}

}  // namespace
}  // namespace rnnx

NAPI_MODULE_INIT() { return rnnx::initialize(env, exports); }
