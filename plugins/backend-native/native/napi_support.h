#pragma once
// What every function of the addon does with its arguments: each is checked, and what does not fit becomes a JavaScript
// TypeError or RangeError with the code RNNX_NATIVE_ARGUMENT that names function, argument, what came and what is needed.

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "queue.h"

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
  /// The same, once all that was put off and writes whole numbers has run: for those who look into them at once.
  int32_t* ints_now(const char* name, int64_t length);
  uint32_t* words(const char* name, int64_t length);
  double* doubles(const char* name, int64_t length);
  uint8_t* bytes(const char* name, int64_t length);
  /// The next argument as it came; undefined past the last.
  napi_value any();
  /// Throws the JavaScript error from a check of the function's own: "<name> <complaint>".
  [[noreturn]] void refuse(const char* name, const char* complaint);

  /// Waits for all that was put off.
  void wait();
  /// How much was put off so far, and waits until so much of it has run.
  uint64_t put_off() const;
  void wait_until(uint64_t count);
  /// Puts off the rest of the function: `work` runs, on any thread, after all that was put off before and before anything
  /// looks at arrays in JavaScript, see `waitForKernels`. The arrays taken so far stay until then. `whole`: it writes whole
  /// numbers, which others may look into.
  template <class F>
  napi_value later(F work, bool whole = false) {
    submit(std::make_unique<Later<F>>(*this, std::move(work)), whole);
    return nullptr;
  }

  napi_env env;

  Call(napi_env environment, napi_callback_info info, const char* function, bool may_put_off);
  /// An array that `later` keeps.
  void keep(napi_value array) {
    if (may_put_off_) arrays_.push_back(array);
  }

 private:
  /// Keeps arrays from the garbage collector. Made and destroyed by the thread of the environment.
  class Keeper : public Command {
   public:
    explicit Keeper(const Call& call);
    ~Keeper() override;

   private:
    napi_env env_;
    std::vector<napi_ref> references_;
  };
  template <class F>
  class Later : public Keeper {
   public:
    Later(const Call& call, F work) : Keeper(call), work_(std::move(work)) {}
    void run() override { work_(); }

   private:
    F work_;
  };

  void submit(std::unique_ptr<Command> command, bool whole);
  napi_value next();
  void* array(const char* name, napi_typedarray_type type, const char* type_name, int64_t length);

  static constexpr size_t most = 40;
  napi_value arguments_[most];
  size_t count_ = most;
  size_t taken_ = 0;
  const char* function_;
  bool may_put_off_;
  std::vector<napi_value> arrays_;
};

/// The function's work; its value is what JavaScript gets (nullptr: undefined).
using Body = napi_value (*)(Call& call);

/// Puts a function on the exports. It runs once all that was put off before has run.
void define(napi_env env, napi_value exports, const char* name, Body body);
/// One that puts its work off, or that looks at no array that others write.
void define_later(napi_env env, napi_value exports, const char* name, Body body);

/// Gives the environment its queue; before all functions.
void start_queue(napi_env env);

napi_value make_number(napi_env env, double value);
napi_value make_boolean(napi_env env, bool value);
napi_value make_string(napi_env env, const char* value);

}  // namespace rnnx
