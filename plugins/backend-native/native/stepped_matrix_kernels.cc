// Rows of a matrix through its chain of perturbations, and back.

#include "stepped_matrix.h"

#include "sequence_lanes.h"

namespace rnnx::RNNX_ISA {

/// Calls f(lanes, place in the range) for rows [begin, end) and columns [first, last).
template <class F>
RNNX_INLINE void each_row(int64_t t, int64_t begin, int64_t end, int64_t first, int64_t last, const F& f) {
  for (int64_t row = begin; row < end; row++)
    for (int64_t j = first; j < last; j += width) {
      const Lanes at = {t, row, j, last - j < width ? last - j : width};
      f(at, (row - begin) * (last - first) + j - first);
    }
}

static void rows(const SteppedMatrix& m, int64_t t, int64_t begin, int64_t end, float* out) {
  const Chain& chain = m.chain;
  const auto from = [&](const Lanes& at) { return load_lanes(m.values + at.b * m.columns + at.j, at.n); };
  // Noise or a mask alone: a pass bound by memory.
  if (chain.count == 1 && chain.items->strides.column == 1) {
    const Perturbation& p = *chain.items;
    const auto value = [&](const Lanes& at) {
      return load_lanes(p.value + at.t * p.strides.step + at.b * p.strides.row + at.j, at.n);
    };
    if (p.kind == PerturbationKind::scale)
      each_row(t, begin, end, 0, m.columns, [&](const Lanes& at, int64_t i) { store_lanes(out + i, from(at) * value(at), at.n); });
    else
      each_row(t, begin, end, 0, m.columns, [&](const Lanes& at, int64_t i) { store_lanes(out + i, from(at) + value(at), at.n); });
    return;
  }
  each_row(t, begin, end, 0, m.columns,
           [&](const Lanes& at, int64_t i) { store_lanes(out + i, apply(chain, at, from(at)), at.n); });
}

static void rows_backward(const SteppedMatrix& m, int64_t t, int64_t begin, int64_t end, int64_t first, int64_t last,
                          const float* d, float* target) {
  const Chain& chain = m.chain;
  const Perturbation* const only = chain.count == 1 ? chain.items : nullptr;
  if (only && only->gradient == nullptr && only->kind == PerturbationKind::scale && target != nullptr) {
    each_row(t, begin, end, first, last, [&](const Lanes& at, int64_t i) {
      float* const sum = target + at.b * m.columns + at.j;
      store_lanes(sum, load_lanes(sum, at.n) + load_lanes(d + i, at.n) * value_at(*only, at), at.n);
    });
    return;
  }
  each_row(t, begin, end, first, last, [&](const Lanes& at, int64_t i) {
    const int64_t place = at.b * m.columns + at.j;
    const vf gradient = apply_backward(chain, at, load_lanes(m.values + place, at.n), load_lanes(d + i, at.n));
    if (target != nullptr) store_lanes(target + place, load_lanes(target + place, at.n) + gradient, at.n);
  });
}

extern const SteppedMatrixTable stepped_matrix_table = {rows, rows_backward};

}  // namespace rnnx::RNNX_ISA
