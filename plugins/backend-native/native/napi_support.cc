#include "napi_support.h"

#include <cmath>
#include <cstdio>
#include <new>

namespace rnnx {
namespace {

struct Refusal {
  char text[320];
  bool range;
};

struct Function {
  const char* name;
  Body body;
  bool may_put_off;
};

/// What an environment, a Node thread, has put off.
struct Pending {
  Queue* queue;
  /// Whether some of it writes whole numbers.
  bool whole;

  void wait() {
    whole = false;
    if (queue) queue->drain();
  }
};

Pending& pending(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Pending*>(data);
}

const char* type_text(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "a number";
    case napi_string: return "a string";
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_external: return "an external";
    case napi_bigint: return "a bigint";
    case napi_object: break;
  }
  bool typed = false;
  napi_is_typedarray(env, value, &typed);
  if (!typed) return "an object";
  napi_typedarray_type kind = napi_uint8_array;
  napi_get_typedarray_info(env, value, &kind, nullptr, nullptr, nullptr, nullptr);
  switch (kind) {
    case napi_float32_array: return "a Float32Array";
    case napi_float64_array: return "a Float64Array";
    case napi_int32_array: return "an Int32Array";
    case napi_uint32_array: return "a Uint32Array";
    case napi_uint8_array: return "a Uint8Array";
    default: return "a typed array of another type";
  }
}

void throw_js(napi_env env, const char* code, const char* text, bool range) {
  if (range)
    napi_throw_range_error(env, code, text);
  else
    napi_throw_type_error(env, code, text);
}

napi_value trampoline(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  const Function* function = static_cast<const Function*>(data);
  try {
    Call call(env, info, function->name, function->may_put_off);
    return function->body(call);
  } catch (const Refusal& refusal) {
    throw_js(env, "RNNX_NATIVE_ARGUMENT", refusal.text, refusal.range);
  } catch (const std::bad_alloc&) {
    throw_js(env, "RNNX_NATIVE_MEMORY", "the native backend got no memory", true);
  }
  return nullptr;
}

}  // namespace

Call::Call(napi_env environment, napi_callback_info info, const char* function, bool may_put_off)
    : env(environment), function_(function), may_put_off_(may_put_off) {
  napi_get_cb_info(env, info, &count_, arguments_, nullptr, nullptr);
  // Node fills the rest with undefined and reports how many came.
  if (count_ > most) count_ = most;
  if (!may_put_off) wait();
}

Call::Keeper::Keeper(const Call& call) : env_(call.env) {
  references_.reserve(call.arrays_.size());
  for (const napi_value array : call.arrays_) {
    napi_ref reference = nullptr;
    if (napi_create_reference(env_, array, 1, &reference) == napi_ok) references_.push_back(reference);
  }
}

Call::Keeper::~Keeper() {
  for (const napi_ref reference : references_) napi_delete_reference(env_, reference);
}

void Call::wait() { pending(env).wait(); }

uint64_t Call::put_off() const {
  const Queue* const queue = pending(env).queue;
  return queue ? queue->submitted() : 0;
}

void Call::wait_until(uint64_t count) {
  Queue* const queue = pending(env).queue;
  if (queue) queue->drain(count);
}

void Call::submit(std::unique_ptr<Command> command, bool whole) {
  Pending& to = pending(env);
  if (to.queue == nullptr) return command->run();
  to.whole = to.whole || whole;
  to.queue->submit(std::move(command));
}

int32_t* Call::ints_now(const char* name, int64_t length) {
  int32_t* const values = ints(name, length);
  if (pending(env).whole) wait();
  return values;
}

napi_value Call::next() {
  if (taken_ < count_) return arguments_[taken_++];
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  return undefined;
}

napi_value Call::any() { return next(); }

void Call::refuse(const char* name, const char* complaint) {
  Refusal refusal;
  refusal.range = true;
  std::snprintf(refusal.text, sizeof refusal.text, "%s: %s %s", function_, name, complaint);
  throw refusal;
}

int64_t Call::size(const char* name, int64_t low, int64_t high) {
  const napi_value value = next();
  double number = 0;
  Refusal refusal;
  if (napi_get_value_double(env, value, &number) != napi_ok) {
    refusal.range = false;
    std::snprintf(refusal.text, sizeof refusal.text, "%s: %s must be a whole number, got %s", function_, name,
                  type_text(env, value));
    throw refusal;
  }
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) || number != std::floor(number)) {
    refusal.range = true;
    std::snprintf(refusal.text, sizeof refusal.text, "%s: %s must be a whole number from %lld to %lld, got %g", function_,
                  name, static_cast<long long>(low), static_cast<long long>(high), number);
    throw refusal;
  }
  return static_cast<int64_t>(number);
}

double Call::number(const char* name) {
  const napi_value value = next();
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) return number;
  Refusal refusal;
  refusal.range = false;
  std::snprintf(refusal.text, sizeof refusal.text, "%s: %s must be a number, got %s", function_, name, type_text(env, value));
  throw refusal;
}

bool Call::boolean(const char* name) {
  const napi_value value = next();
  bool flag = false;
  if (napi_get_value_bool(env, value, &flag) == napi_ok) return flag;
  Refusal refusal;
  refusal.range = false;
  std::snprintf(refusal.text, sizeof refusal.text, "%s: %s must be a boolean, got %s", function_, name,
                type_text(env, value));
  throw refusal;
}

void* Call::array(const char* name, napi_typedarray_type type, const char* type_name, int64_t length) {
  const napi_value value = next();
  bool typed = false;
  napi_is_typedarray(env, value, &typed);
  napi_typedarray_type found = napi_int8_array;
  size_t elements = 0;
  void* data = nullptr;
  Refusal refusal;
  if (!typed || napi_get_typedarray_info(env, value, &found, &elements, &data, nullptr, nullptr) != napi_ok ||
      found != type) {
    refusal.range = false;
    std::snprintf(refusal.text, sizeof refusal.text, "%s: %s must be a %s, got %s", function_, name, type_name,
                  type_text(env, value));
    throw refusal;
  }
  if (static_cast<uint64_t>(length) > elements) {
    refusal.range = true;
    std::snprintf(refusal.text, sizeof refusal.text, "%s: %s must have at least %lld elements, got %llu", function_, name,
                  static_cast<long long>(length), static_cast<unsigned long long>(elements));
    throw refusal;
  }
  keep(value);
  return data;
}

float* Call::floats(const char* name, int64_t length) {
  return static_cast<float*>(array(name, napi_float32_array, "Float32Array", length));
}

float* Call::floats_or_null(const char* name, int64_t length) {
  napi_valuetype type = napi_undefined;
  if (taken_ < count_) napi_typeof(env, arguments_[taken_], &type);
  if (type == napi_undefined || type == napi_null) {
    taken_++;
    return nullptr;
  }
  return floats(name, length);
}

int32_t* Call::ints(const char* name, int64_t length) {
  return static_cast<int32_t*>(array(name, napi_int32_array, "Int32Array", length));
}

uint32_t* Call::words(const char* name, int64_t length) {
  return static_cast<uint32_t*>(array(name, napi_uint32_array, "Uint32Array", length));
}

double* Call::doubles(const char* name, int64_t length) {
  return static_cast<double*>(array(name, napi_float64_array, "Float64Array", length));
}

uint8_t* Call::bytes(const char* name, int64_t length) {
  return static_cast<uint8_t*>(array(name, napi_uint8_array, "Uint8Array", length));
}

namespace {

void put_on(napi_env env, napi_value exports, const char* name, Body body, bool may_put_off) {
  // As long as the environment: a few bytes a function.
  Function* function = new Function{name, body, may_put_off};
  napi_add_env_cleanup_hook(env, [](void* data) { delete static_cast<Function*>(data); }, function);
  napi_value value = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, trampoline, function, &value) != napi_ok) return;
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

void define(napi_env env, napi_value exports, const char* name, Body body) { put_on(env, exports, name, body, false); }

void define_later(napi_env env, napi_value exports, const char* name, Body body) { put_on(env, exports, name, body, true); }

void start_queue(napi_env env) {
  Pending* const made = new Pending{Queue::claim(), false};
  napi_set_instance_data(env, made, [](napi_env, void* data, void*) { delete static_cast<Pending*>(data); }, nullptr);
  // Before the environment takes the arrays away.
  napi_add_env_cleanup_hook(env, [](void* data) {
    Pending* const left = static_cast<Pending*>(data);
    if (left->queue) left->queue->release();
    left->queue = nullptr;
  }, made);
}

napi_value make_number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value make_boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value make_string(napi_env env, const char* value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &result);
  return result;
}

}  // namespace rnnx
