// sequenceMemory, sequenceForward and sequenceBackward: see src/addon.ts for their arguments in order.

#include <vector>

#include "napi_support.h"
#include "napi_values.h"
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
  /// Those at `recurrent` for each gate, where one differs from gate to gate.
  std::vector<Perturbation> gates[4];
  WideGradients wide;
};

Sequence take_sequence(Call& call) {
  Sequence s{};
  s.cell = static_cast<SequenceCell>(call.size("cell", 0, static_cast<int64_t>(SequenceCell::count) - 1));
  s.steps = call.size("steps", 1, most_steps);
  s.batch = call.size("batch", 1, most_examples);
  s.units = call.size("units", 1, most_units);
  return s;
}

int64_t site_columns(const Sequence& s, SequenceSite site) {
  const int64_t gates = sequence_gates(s.cell);
  if (site == SequenceSite::weights) return (s.cell == SequenceCell::gru_before ? 2 : gates) * s.units;
  return site == SequenceSite::preactivation ? gates * s.units : s.units;
}
/// Rows of the site's quantity: examples, or those of a matrix.
int64_t site_rows(const Sequence& s, SequenceSite site) {
  return site == SequenceSite::weights || site == SequenceSite::candidate_weights ? s.units : s.batch;
}

constexpr int64_t fields = 6;

/// A row of the table.
struct Entry {
  SequenceSite site;
  PerturbationKind kind;
  /// Shape of the value: `[1|T, 1|B, 1|G, 1|N]`, with the rows of a matrix in place of B.
  int64_t steps, rows, gates, columns;
};

/// The table `[count, (site, kind, T', B', G', N')]`. Values and gradients are filled in by those who need them.
using Table = std::vector<Entry>;

Table take_table(Call& call, const Sequence& s) {
  const int64_t count = call.size("perturbationCount", 0, 1 << 16);
  const int32_t* row = call.ints("perturbationTable", count * fields);
  Table table;
  for (int64_t k = 0; k < count; k++, row += fields) {
    if (row[0] < 0 || row[0] >= static_cast<int32_t>(SequenceSite::count))
      call.refuse("perturbationTable", "names a site that does not exist");
    if (row[1] < 0 || row[1] >= static_cast<int32_t>(PerturbationKind::count))
      call.refuse("perturbationTable", "names a kind that does not exist");
    const Entry e = {static_cast<SequenceSite>(row[0]), static_cast<PerturbationKind>(row[1]), row[2], row[3], row[4],
                     row[5]};
    const bool state = e.site == SequenceSite::hidden || e.site == SequenceSite::cell;
    if (e.kind == PerturbationKind::retain && !state) call.refuse("perturbationTable", "retains what is no state");
    if (((e.site == SequenceSite::cell || e.site == SequenceSite::readout) && s.cell != SequenceCell::lstm) ||
        (e.site == SequenceSite::candidate_weights && s.cell != SequenceCell::gru_before))
      call.refuse("perturbationTable", "names a site that the cell does not have");
    const auto fits = [](int64_t size, int64_t full) { return size == 1 || size == full; };
    if (!fits(e.steps, s.steps) || !fits(e.rows, site_rows(s, e.site)) ||
        !fits(e.gates, e.site == SequenceSite::recurrent ? sequence_gates(s.cell) : 1) ||
        !fits(e.columns, site_columns(s, e.site)))
      call.refuse("perturbationTable", "has a shape that is not [1|T, 1|B, 1|G, 1|N]");
    table.push_back(e);
  }
  return table;
}

/// Strides of `[steps, rows, gates, columns]` for one gate. A single step, row or column is a broadcast one, whatever the
/// size it meets.
Strides strides_of(const Entry& e, int64_t columns) {
  return {e.steps == 1 ? 0 : e.rows * e.gates * columns, e.rows == 1 ? 0 : e.gates * columns, columns == 1 ? 0 : 1};
}

/// Puts the perturbations where they act. Values and gradients are null where nobody asks for them.
void link(Sequence& s, const Table& table, Perturbations& all, const std::vector<float*>& values,
          const std::vector<float*>& gradients) {
  bool gated = false;
  for (const Entry& e : table) gated = gated || (e.site == SequenceSite::recurrent && e.gates > 1);
  for (size_t k = 0; k < table.size(); k++) {
    const Entry& e = table[k];
    const int64_t columns = site_columns(s, e.site);
    Perturbation p{e.kind, values[k], strides_of(e, e.columns), gradients[k], strides_of(e, columns)};
    p.gradient_strides.column = 1;
    if (p.gradient != nullptr && e.columns != columns)
      p.gradient = all.wide.instead_of(p.gradient, e.steps * e.rows * e.gates, columns);
    if (e.site != SequenceSite::recurrent || !gated) {
      all.sites[static_cast<int>(e.site)].push_back(p);
      continue;
    }
    for (int64_t gate = 0; gate < sequence_gates(s.cell); gate++) {
      all.gates[gate].push_back(p);
      if (e.gates == 1) continue;
      if (p.value != nullptr) p.value += e.columns;
      if (p.gradient != nullptr) p.gradient += columns;
    }
  }
  const auto chain = [](const std::vector<Perturbation>& list) {
    return Chain{list.data(), static_cast<int64_t>(list.size())};
  };
  constexpr int recurrent = static_cast<int>(SequenceSite::recurrent);
  for (int site = 0; site < static_cast<int>(SequenceSite::count); site++) s.chains[site] = chain(all.sites[site]);
  for (int gate = 0; gate < 4; gate++) s.operand_chains[gate] = gated ? chain(all.gates[gate]) : s.chains[recurrent];
  if (gated) s.chains[recurrent] = s.operand_chains[0];
  s.operands = !gated ? 1 : sequence_gates(s.cell) - (s.cell == SequenceCell::gru_before ? 1 : 0);
}

std::vector<float*> take_floats(Call& call, const List& list, const char* name, const Table& table, bool optional) {
  std::vector<float*> found;
  for (size_t k = 0; k < table.size(); k++) {
    const Entry& e = table[k];
    found.push_back(floats_in(call, list[k], name, e.steps * e.rows * e.gates * e.columns, optional));
  }
  return found;
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
  const Table table = take_table(call, s);
  const std::vector<float*> none(table.size());
  link(s, table, perturbations, none, none);
  return make_number(call.env, static_cast<double>(sequence_layout(s, true).size));
}

/// sequenceForward(cell, steps, batch, units, perturbationCount, perturbationTable, values, recurrent, candidate,
/// recurrentBias, product, initialHidden, initialCell, memory, hidden, lastHidden, lastCell). Without memory nothing is kept.
napi_value forward(Call& call) {
  SequenceForward pass{};
  Sequence& s = pass.sequence;
  s = take_sequence(call);
  Perturbations perturbations;
  const Table table = take_table(call, s);
  const List values = take_list(call, "values", static_cast<uint32_t>(table.size()));
  link(s, table, perturbations, take_floats(call, values, "values", table, false), std::vector<float*>(table.size()));
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
  if (pass.memory == nullptr) pass.layout = sequence_layout(s, false);
  pass.hidden = call.floats("hidden", s.steps * state);
  pass.last_hidden = call.floats("lastHidden", state);
  pass.last_cell = lstm ? call.floats("lastCell", state) : (call.any(), nullptr);
  // The perturbations are moved, not copied: the pass points into them.
  return call.later([pass, perturbations = std::move(perturbations)]() mutable {
    if (pass.memory == nullptr) pass.memory = scratch(Scratch::sequence_two, pass.layout.size);
    sequence_forward(pass);
  });
}

/// What both functions of the backward pass begin with, up to the memory.
void take_backward(Call& call, SequenceBackward& pass, Perturbations& perturbations) {
  Sequence& s = pass.sequence;
  s = take_sequence(call);
  const Table table = take_table(call, s);
  const auto count = static_cast<uint32_t>(table.size());
  const List values = take_list(call, "values", count);
  const List gradients = take_list(call, "gradients", count);
  link(s, table, perturbations, take_floats(call, values, "values", table, false),
       take_floats(call, gradients, "gradients", table, true));
  take_weights(call, s);
  pass.layout = sequence_layout(s, true);
  pass.memory = call.floats("memory", pass.layout.size);
}

/// sequenceBackward(cell, steps, batch, units, perturbationCount, perturbationTable, values, gradients, recurrent, candidate,
/// memory, dHidden, dProduct, dRecurrent, dCandidate, dBias, dInitialHidden, dInitialCell). Gradients and dBias start at zero.
napi_value backward(Call& call) {
  SequenceBackward pass{};
  Perturbations perturbations;
  take_backward(call, pass, perturbations);
  const Sequence& s = pass.sequence;
  const bool reset_before = s.cell == SequenceCell::gru_before;
  const int64_t state = s.batch * s.units;
  const int64_t gates = sequence_gates(s.cell);
  pass.d_hidden = call.floats("dHidden", s.steps * state);
  pass.d_product = call.floats("dProduct", s.steps * state * gates);
  pass.d_recurrent = call.floats("dRecurrent", s.units * s.units * (reset_before ? 2 : gates));
  pass.d_candidate = reset_before ? call.floats("dCandidate", s.units * s.units) : (call.any(), nullptr);
  pass.d_bias = s.cell == SequenceCell::gru_after ? call.floats("dBias", s.units) : (call.any(), nullptr);
  pass.d_initial_hidden = call.floats("dInitialHidden", state);
  pass.d_initial_cell = s.cell == SequenceCell::lstm ? call.floats("dInitialCell", state) : (call.any(), nullptr);
  return call.later([pass, perturbations = std::move(perturbations)] {
    sequence_backward(pass);
    perturbations.wide.add_columns();
  });
}

/// sequenceWeightValues(cell, steps, batch, units, perturbationCount, perturbationTable, values, gradients, recurrent,
/// candidate, memory): gradients of values at the weights, after sequenceBackward over the same memory. They start at zero.
napi_value weight_values(Call& call) {
  SequenceBackward pass{};
  Perturbations perturbations;
  take_backward(call, pass, perturbations);
  if (pass.layout.d_sums < 0) call.refuse("perturbationTable", "has no value at the weights");
  return call.later([pass, perturbations = std::move(perturbations)] {
    sequence_weight_values(pass);
    perturbations.wide.add_columns();
  });
}

}  // namespace

void register_sequence(napi_env env, napi_value exports) {
  define_later(env, exports, "sequenceMemory", memory);
  define_later(env, exports, "sequenceForward", forward);
  define_later(env, exports, "sequenceBackward", backward);
  define_later(env, exports, "sequenceWeightValues", weight_values);
}

}  // namespace rnnx
