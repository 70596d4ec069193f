// sequenceMemory, sequenceForward and sequenceBackward: see src/addon.ts for their arguments in order.

#include <vector>

#include "napi_support.h"
#include "parallel.h"
#include "sequence.h"

namespace rnnx {
namespace {

// Bounds that keep every product of sizes within 64 bits.
constexpr int64_t most_steps = 1 << 24;
constexpr int64_t most_examples = 1 << 20;
constexpr int64_t most_units = 1 << 16;

/// Perturbations as they came, with the memory that the chains point into.
struct Perturbations {
  std::vector<Perturbation> sites[static_cast<int>(SequenceSite::count)];
  /// Gradients of values with one column where the site has several: collected wide, added up at the end.
  struct Wide {
    std::vector<float> gradient;
    int64_t rows, columns;
    float* target;
  };
  std::vector<Wide> wide;

  void add_columns() const {
    for (const Wide& each : wide)
      for (int64_t r = 0; r < each.rows; r++) {
        const float* const row = each.gradient.data() + r * each.columns;
        double sum = 0;
        for (int64_t j = 0; j < each.columns; j++) sum += static_cast<double>(row[j]);
        each.target[r] = static_cast<float>(sum);
      }
  }
};

Sequence take_sequence(Call& call) {
  Sequence s{};
  s.cell = static_cast<SequenceCell>(call.size("cell", 0, static_cast<int64_t>(SequenceCell::count) - 1));
  s.steps = call.size("steps", 1, most_steps);
  s.batch = call.size("batch", 1, most_examples);
  s.units = call.size("units", 1, most_units);
  return s;
}

using List = std::vector<napi_value>;

/// The elements of an array. Reading them may run JavaScript, which may take memory away from typed arrays: all lists come
/// before the first pointer into one.
List take_list(Call& call, const char* name, uint32_t length) {
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
float* floats_in(Call& call, napi_value value, const char* name, int64_t length, bool optional) {
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
  return static_cast<float*>(data);
}

int64_t site_columns(const Sequence& s, SequenceSite site) {
  return site == SequenceSite::preactivation ? sequence_gates(s.cell) * s.units : s.units;
}

constexpr int64_t fields = 5;

/// The table `[count, (site, kind, T', B', N')]`. Values and gradients are filled in by those who need them.
struct Table {
  std::vector<int32_t> rows;
  uint32_t count;
};

Table take_table(Call& call, const Sequence& s, Perturbations& perturbations) {
  Table table{};
  table.count = static_cast<uint32_t>(call.size("perturbationCount", 0, 1 << 16));
  const int32_t* const rows = call.ints("perturbationTable", table.count * fields);
  table.rows.assign(rows, rows + table.count * fields);
  for (uint32_t k = 0; k < table.count; k++) {
    const int32_t* const row = table.rows.data() + k * fields;
    if (row[0] < 0 || row[0] >= static_cast<int32_t>(SequenceSite::count))
      call.refuse("perturbationTable", "names a site that does not exist");
    if (row[1] < 0 || row[1] >= static_cast<int32_t>(PerturbationKind::count))
      call.refuse("perturbationTable", "names a kind that does not exist");
    const auto site = static_cast<SequenceSite>(row[0]);
    const auto kind = static_cast<PerturbationKind>(row[1]);
    const bool state = site == SequenceSite::hidden || site == SequenceSite::cell;
    if (kind == PerturbationKind::retain && !state) call.refuse("perturbationTable", "retains what is no state");
    if ((site == SequenceSite::cell || site == SequenceSite::readout) && s.cell != SequenceCell::lstm)
      call.refuse("perturbationTable", "names a site that the cell does not have");
    const int64_t columns = site_columns(s, site);
    const auto fits = [](int64_t size, int64_t full) { return size == 1 || size == full; };
    if (!fits(row[2], s.steps) || !fits(row[3], s.batch) || !fits(row[4], columns))
      call.refuse("perturbationTable", "has a shape that is not [1|T, 1|B, 1|N]");
    // A single column, row or step is a broadcast one, whatever the size it meets.
    const int64_t width = row[4];
    Perturbation p{};
    p.kind = kind;
    p.strides = {row[2] == 1 ? 0 : row[3] * width, row[3] == 1 ? 0 : width, width == 1 ? 0 : 1};
    perturbations.sites[row[0]].push_back(p);
  }
  return table;
}

/// Calls f(perturbation, row of the table, index) in the table's order.
template <class F>
void each_row(const Table& table, Perturbations& perturbations, const F& f) {
  size_t seen[static_cast<int>(SequenceSite::count)] = {};
  for (uint32_t k = 0; k < table.count; k++) {
    const int32_t* const row = table.rows.data() + k * fields;
    f(perturbations.sites[row[0]][seen[row[0]]++], row, k);
  }
}

void set_values(Call& call, const List& values, const Table& table, Perturbations& perturbations) {
  each_row(table, perturbations, [&](Perturbation& p, const int32_t* row, uint32_t k) {
    p.value = floats_in(call, values[k], "values", int64_t{row[2]} * row[3] * row[4], false);
  });
}

void set_gradients(Call& call, const List& gradients, const Sequence& s, const Table& table,
                   Perturbations& perturbations) {
  each_row(table, perturbations, [&](Perturbation& p, const int32_t* row, uint32_t k) {
    const int64_t rows = int64_t{row[2]} * row[3];
    const int64_t columns = site_columns(s, static_cast<SequenceSite>(row[0]));
    float* const target = floats_in(call, gradients[k], "gradients", rows * row[4], true);
    if (target == nullptr) return;
    p.gradient = target;
    p.gradient_strides = {row[2] == 1 ? 0 : row[3] * columns, row[3] == 1 ? 0 : columns, 1};
    if (row[4] == columns) return;
    perturbations.wide.push_back({std::vector<float>(static_cast<size_t>(rows * columns)), rows, columns, target});
    p.gradient = perturbations.wide.back().gradient.data();
  });
}

void link(Sequence& s, const Perturbations& perturbations) {
  for (int site = 0; site < static_cast<int>(SequenceSite::count); site++)
    s.chains[site] = {perturbations.sites[site].data(), static_cast<int64_t>(perturbations.sites[site].size())};
}

/// Sizes of the weights: `recurrent` and, for gru_before, `candidate`.
void take_weights(Call& call, Sequence& s) {
  const bool reset_before = s.cell == SequenceCell::gru_before;
  const int64_t gates = sequence_gates(s.cell) - (reset_before ? 1 : 0);
  s.recurrent = call.floats("recurrent", s.units * gates * s.units);
  s.candidate = reset_before ? call.floats("candidate", s.units * s.units) : (call.any(), nullptr);
}

/// sequenceMemory(cell, steps, batch, units, perturbationCount, perturbationTable): floats that training keeps.
napi_value memory(Call& call) {
  Sequence s = take_sequence(call);
  Perturbations perturbations;
  take_table(call, s, perturbations);
  link(s, perturbations);
  return make_number(call.env, static_cast<double>(sequence_layout(s, true).size));
}

/// sequenceForward(cell, steps, batch, units, perturbationCount, perturbationTable, values, recurrent, candidate,
/// recurrentBias, product, initialHidden, initialCell, memory, hidden, lastHidden, lastCell). Without memory nothing is kept.
napi_value forward(Call& call) {
  SequenceForward pass{};
  Sequence& s = pass.sequence;
  s = take_sequence(call);
  Perturbations perturbations;
  const Table table = take_table(call, s, perturbations);
  set_values(call, take_list(call, "values", table.count), table, perturbations);
  link(s, perturbations);
  take_weights(call, s);
  const bool lstm = s.cell == SequenceCell::lstm;
  const int64_t state = s.batch * s.units;
  s.recurrent_bias =
      s.cell == SequenceCell::gru_after ? call.floats("recurrentBias", s.units) : (call.any(), nullptr);
  pass.product = call.floats("product", s.steps * state * sequence_gates(s.cell));
  pass.initial_hidden = call.floats("initialHidden", state);
  pass.initial_cell = lstm ? call.floats("initialCell", state) : (call.any(), nullptr);
  pass.layout = sequence_layout(s, true);
  pass.memory = call.floats_or_null("memory", pass.layout.size);
  pass.hidden = call.floats("hidden", s.steps * state);
  pass.last_hidden = call.floats("lastHidden", state);
  pass.last_cell = lstm ? call.floats("lastCell", state) : (call.any(), nullptr);
  if (pass.memory == nullptr) {
    pass.layout = sequence_layout(s, false);
    pass.memory = scratch(Scratch::sequence_two, pass.layout.size);
  }
  sequence_forward(pass);
  return nullptr;
}

/// sequenceBackward(cell, steps, batch, units, perturbationCount, perturbationTable, values, gradients, recurrent, candidate,
/// memory, dHidden, dProduct, dRecurrent, dCandidate, dBias, dInitialHidden, dInitialCell). Gradients and dBias start at zero.
napi_value backward(Call& call) {
  SequenceBackward pass{};
  Sequence& s = pass.sequence;
  s = take_sequence(call);
  Perturbations perturbations;
  const Table table = take_table(call, s, perturbations);
  const List values = take_list(call, "values", table.count);
  const List gradients = take_list(call, "gradients", table.count);
  set_values(call, values, table, perturbations);
  set_gradients(call, gradients, s, table, perturbations);
  link(s, perturbations);
  take_weights(call, s);
  const bool reset_before = s.cell == SequenceCell::gru_before;
  const int64_t state = s.batch * s.units;
  const int64_t gates = sequence_gates(s.cell);
  pass.layout = sequence_layout(s, true);
  pass.memory = call.floats("memory", pass.layout.size);
  pass.d_hidden = call.floats("dHidden", s.steps * state);
  pass.d_product = call.floats("dProduct", s.steps * state * gates);
  pass.d_recurrent = call.floats("dRecurrent", s.units * s.units * (reset_before ? 2 : gates));
  pass.d_candidate = reset_before ? call.floats("dCandidate", s.units * s.units) : (call.any(), nullptr);
  pass.d_bias = s.cell == SequenceCell::gru_after ? call.floats("dBias", s.units) : (call.any(), nullptr);
  pass.d_initial_hidden = call.floats("dInitialHidden", state);
  pass.d_initial_cell = s.cell == SequenceCell::lstm ? call.floats("dInitialCell", state) : (call.any(), nullptr);
  sequence_backward(pass);
  perturbations.add_columns();
  return nullptr;
}

}  // namespace

void register_sequence(napi_env env, napi_value exports) {
  define(env, exports, "sequenceMemory", memory);
  define(env, exports, "sequenceForward", forward);
  define(env, exports, "sequenceBackward", backward);
}

}  // namespace rnnx
