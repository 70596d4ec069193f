// steppedProduct and steppedProductGradient: see src/fused/addon.ts for their arguments in order.

#include <utility>

#include "napi_values.h"
#include "stepped_matrix.h"

namespace rnnx {
namespace {

// Bounds that keep every product of sizes within 64 bits.
constexpr int64_t most_steps = 1 << 22;
constexpr int64_t most_examples = 1 << 20;
constexpr int64_t most_width = 1 << 20;
constexpr int64_t fields = 4;

/// Products of steps with a matrix that perturbations change.
struct Stepped {
  int64_t steps, batch;
  SteppedMatrix matrix;
  std::vector<Perturbation> perturbations;
  /// Elements of each value.
  std::vector<int64_t> sizes;
  WideGradients wide;
};

/// steps, batch, rows, columns, perturbationCount, perturbationTable `[count, (kind, T', rows', columns')]`.
Stepped take_stepped(Call& call) {
  Stepped s{};
  s.steps = call.size("steps", 1, most_steps);
  s.batch = call.size("batch", 1, most_examples);
  s.matrix.rows = call.size("rows", 1, most_width);
  s.matrix.columns = call.size("columns", 1, most_width);
  const int64_t count = call.size("perturbationCount", 1, 1 << 16);
  const int32_t* row = call.ints("perturbationTable", count * fields);
  for (int64_t k = 0; k < count; k++, row += fields) {
    const auto kind = static_cast<PerturbationKind>(row[0]);
    if (kind != PerturbationKind::scale && kind != PerturbationKind::shift)
      call.refuse("perturbationTable", "names a kind that is neither scale nor shift");
    const auto fits = [](int64_t size, int64_t full) { return size == 1 || size == full; };
    if (!fits(row[1], s.steps) || !fits(row[2], s.matrix.rows) || !fits(row[3], s.matrix.columns))
      call.refuse("perturbationTable", "has a shape that is not [1|T, 1|rows, 1|columns]");
    const int64_t size = int64_t{row[2]} * row[3];
    s.perturbations.push_back({kind, nullptr, {row[1] == 1 ? 0 : size, row[2] == 1 ? 0 : row[3], row[3] == 1 ? 0 : 1},
                               nullptr, {row[1] == 1 ? 0 : row[2], row[2] == 1 ? 0 : 1, 1}});
    s.sizes.push_back(row[1] * size);
  }
  return s;
}

void take_values(Call& call, Stepped& s, const List& values) {
  for (size_t k = 0; k < s.sizes.size(); k++)
    s.perturbations[k].value = floats_in(call, values[k], "values", s.sizes[k], false);
}

void take_gradients(Call& call, Stepped& s, const List& gradients) {
  const int64_t columns = s.matrix.columns;
  for (size_t k = 0; k < s.sizes.size(); k++) {
    Perturbation& p = s.perturbations[k];
    p.gradient = floats_in(call, gradients[k], "gradients", s.sizes[k], true);
    const int64_t rows = p.strides.column == 1 ? s.sizes[k] / columns : s.sizes[k];
    if (p.gradient != nullptr && p.strides.column == 0 && columns > 1)
      p.gradient = s.wide.instead_of(p.gradient, rows, columns);
    // So far in rows of the value.
    const int64_t step = p.gradient_strides.step;
    p.gradient_strides = {step * columns, p.gradient_strides.row * columns, 1};
  }
}

void link(Stepped& s) { s.matrix.chain = {s.perturbations.data(), static_cast<int64_t>(s.perturbations.size())}; }

/// steppedProduct(transposed, steps, batch, rows, columns, perturbationCount, perturbationTable, values, matrix, x, y)
napi_value product(Call& call) {
  const bool transposed = call.boolean("transposed");
  Stepped s = take_stepped(call);
  take_values(call, s, take_list(call, "values", static_cast<uint32_t>(s.sizes.size())));
  link(s);
  const auto [rows, columns] = std::pair(s.matrix.rows, s.matrix.columns);
  s.matrix.values = call.floats("matrix", rows * columns);
  const float* const x = call.floats("x", s.steps * s.batch * (transposed ? columns : rows));
  float* const y = call.floats("y", s.steps * s.batch * (transposed ? rows : columns));
  return call.later([=, s = std::move(s)] { stepped_product(s.matrix, transposed, s.steps, s.batch, x, y); });
}

/// steppedProductGradient(steps, batch, rows, columns, perturbationCount, perturbationTable, values, gradients, matrix, x, dy,
/// dMatrix): fills dMatrix unless it is null, adds to the gradients that are not null.
napi_value product_gradient(Call& call) {
  Stepped s = take_stepped(call);
  const auto count = static_cast<uint32_t>(s.sizes.size());
  const List values = take_list(call, "values", count);
  const List gradients = take_list(call, "gradients", count);
  const auto [rows, columns] = std::pair(s.matrix.rows, s.matrix.columns);
  s.matrix.values = call.floats("matrix", rows * columns);
  const float* const x = call.floats("x", s.steps * s.batch * rows);
  const float* const dy = call.floats("dy", s.steps * s.batch * columns);
  float* const d_matrix = call.floats_or_null("dMatrix", rows * columns);
  take_values(call, s, values);
  take_gradients(call, s, gradients);
  link(s);
  return call.later([=, s = std::move(s), rows = rows, columns = columns] {
    stepped_gradient(s.matrix, {s.steps, s.batch, x, rows, dy, columns, 0, columns}, d_matrix);
    s.wide.add_columns();
  });
}

}  // namespace

void register_stepped(napi_env env, napi_value exports) {
  define_later(env, exports, "steppedProduct", product);
  define_later(env, exports, "steppedProductGradient", product_gradient);
}

}  // namespace rnnx
