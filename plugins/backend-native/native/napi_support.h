#pragma once
// What every function of the addon does with its arguments: each is checked, and what does not fit becomes a JavaScript
// TypeError or RangeError with the code RNNX_NATIVE_ARGUMENT that names function, argument, what came and what is needed.

#include <node_api.h>

#include <cstdint>

namespace rnnx {

/// One call from JavaScript. Arguments are taken one after another; what does not fit throws, and the function's
/// trampoline turns that into the JavaScript error. Array lengths are minima: pooled buffers may be longer.
class Call {
 public:
  /// A whole number in low .. high.
  int64_t size(const char* name, int64_t low = 0, int64_t high = INT32_MAX);
  double number(const char* name);
  bool boolean(const char* name);
  /// Float32Array of at least `length` elements.
  float* floats(const char* name, int64_t length);
  /// The same, or nullptr for undefined and null.
  float* floats_or_null(const char* name, int64_t length);
  /// Int32Array of at least `length` elements.
  int32_t* ints(const char* name, int64_t length);
  uint32_t* words(const char* name, int64_t length);
  double* doubles(const char* name, int64_t length);
  uint8_t* bytes(const char* name, int64_t length);
  /// The next argument as it came; undefined past the last.
  napi_value any();
  /// Throws the JavaScript error from a check of the function's own: "<name> <complaint>".
  [[noreturn]] void refuse(const char* name, const char* complaint);

  napi_env env;

  Call(napi_env environment, napi_callback_info info, const char* function);

 private:
  napi_value next();
  void* array(const char* name, napi_typedarray_type type, const char* type_name, int64_t length);

  static constexpr size_t most = 40;
  napi_value arguments_[most];
  size_t count_ = most;
  size_t taken_ = 0;
  const char* function_;
};

/// The function's work; its value is what JavaScript gets (nullptr: undefined).
using Body = napi_value (*)(Call& call);

/// Puts a function on the exports.
void define(napi_env env, napi_value exports, const char* name, Body body);

napi_value make_number(napi_env env, double value);
napi_value make_boolean(napi_env env, bool value);
napi_value make_string(napi_env env, const char* value);

}  // namespace rnnx
