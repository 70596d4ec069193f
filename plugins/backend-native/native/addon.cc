// Entry point of the addon. Each group of functions is registered by its own napi_*.cc.

#include <dlfcn.h>
#include <node_api.h>

#include "napi_support.h"

namespace rnnx {

using Register = void(napi_env env, napi_value exports);
Register register_runtime;
Register register_gemm;
Register register_elementwise;
Register register_reduce;
Register register_strided;
Register register_sequence;
Register register_sequence_bn;
Register register_sequence_fd;
Register register_stepped;
Register register_gated;
Register register_filling;
Register register_losses;
Register register_optimizers;
Register register_random;

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
  start_queue(env);
  Register* const groups[] = {register_runtime,     register_gemm,     register_elementwise, register_reduce,
                              register_strided,     register_sequence, register_sequence_bn, register_stepped,
                              register_sequence_fd, register_losses,   register_optimizers,  register_random,
                              register_gated,       register_filling};
  for (Register* each : groups) each(env, exports);
  return exports;
}

}  // namespace
}  // namespace rnnx

NAPI_MODULE_INIT() { return rnnx::initialize(env, exports); }
