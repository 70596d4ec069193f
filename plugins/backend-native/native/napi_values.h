#pragma once
// Values of perturbations and their gradients as they come from JavaScript: lists of arrays.

#include <vector>

#include "napi_support.h"

namespace rnnx {

using List = std::vector<napi_value>;

/// The elements of an array. Reading them may run JavaScript, which may take memory away from typed arrays: all lists come
/// before the first pointer into one.
inline List take_list(Call& call, const char* name, uint32_t length) {
  const napi_value list = call.any();
  bool is_array = false;
  uint32_t found = 0;
  if (napi_is_array(call.env, list, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(call.env, list, &found) != napi_ok || found != length)
    call.refuse(name, "must be an array with an element a perturbation");
  List elements(length);
  for (uint32_t index = 0; index < length; index++)
    if (napi_get_element(call.env, list, index, &elements[index]) != napi_ok)
      call.refuse(name, "has an element that cannot be read");
  return elements;
}

/// An element: a Float32Array of at least `length` elements, or null where that is allowed.
inline float* floats_in(Call& call, napi_value value, const char* name, int64_t length, bool optional) {
  napi_valuetype type = napi_undefined;
  napi_typeof(call.env, value, &type);
  if (optional && (type == napi_null || type == napi_undefined)) return nullptr;
  bool typed = false;
  napi_typedarray_type kind = napi_uint8_array;
  size_t found = 0;
  void* data = nullptr;
  if (napi_is_typedarray(call.env, value, &typed) != napi_ok || !typed ||
      napi_get_typedarray_info(call.env, value, &kind, &found, &data, nullptr, nullptr) != napi_ok ||
      kind != napi_float32_array)
    call.refuse(name, "must hold Float32Arrays");
  if (static_cast<int64_t>(found) < length) call.refuse(name, "has an element that is too short for its shape");
  call.keep(value);
  return static_cast<float*>(data);
}

/// Gradients of values with one column where the quantity has several: collected wide, added up at the end.
class WideGradients {
 public:
  /// Where the kernels add in place of `target` [rows, 1]: zeros [rows, columns].
  float* instead_of(float* target, int64_t rows, int64_t columns) {
    all_.push_back({std::vector<float>(static_cast<size_t>(rows * columns)), rows, columns, target});
    return all_.back().gradient.data();
  }

  void add_columns() const {
    for (const Wide& each : all_)
      for (int64_t r = 0; r < each.rows; r++) {
        const float* const row = each.gradient.data() + r * each.columns;
        double sum = 0;
        for (int64_t j = 0; j < each.columns; j++) sum += static_cast<double>(row[j]);
        each.target[r] = static_cast<float>(sum);
      }
  }

 private:
  struct Wide {
    std::vector<float> gradient;
    int64_t rows, columns;
    float* target;
  };
  std::vector<Wide> all_;
};

}  // namespace rnnx
