#include "sequence_fd.h"

#include <cstring>
#include <vector>

#include "gemm.h"
#include "parallel.h"

namespace rnnx {
namespace {

/// Examples that go through the steps together: two tiles of the widest instruction set.
constexpr int64_t together = 28;

const MomentTable& table() { return RNNX_TABLE(moment_table); }

int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

/// The recurrent matrix and its square, packed.
class Matrices {
 public:
  Matrices(bool transposed, int64_t H, const float* weight) {
    std::vector<float> square(static_cast<size_t>(H * H));
    for (int64_t i = 0; i < H * H; i++) square[static_cast<size_t>(i)] = weight[i] * weight[i];
    mean_ = pack_b(transposed, H, H, weight, H);
    variance_ = pack_b(transposed, H, H, square.data(), H);
  }
  ~Matrices() {
    free_packed(mean_);
    free_packed(variance_);
  }
  Matrices(const Matrices&) = delete;
  Matrices& operator=(const Matrices&) = delete;

  /// C = A · W and D = B · W² on the calling thread.
  void multiply(int64_t rows, int64_t H, const float* A, const float* B, float* C, float* D, float* work) const {
    const int64_t panels = panel_count(H);
    pack_a(false, rows, H, A, H, work);
    gemm_panels(rows, work, mean_, 0, panels, C, H, false);
    pack_a(false, rows, H, B, H, work);
    gemm_panels(rows, work, variance_, 0, panels, D, H, false);
  }

 private:
  PackedB* mean_ = nullptr;
  PackedB* variance_ = nullptr;
};

/// Calls f(first, count) for groups of examples, on all threads.
template <class F>
void over_examples(int64_t batch, const F& f) {
  const int64_t groups = (batch + together - 1) / together;
  parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; g++) {
      const int64_t first = g * batch / groups;
      f(first, (g + 1) * batch / groups - first);
    }
  });
}

}  // namespace

void moment_forward(const MomentForward& pass) {
  const MomentNet& net = pass.net;
  const int64_t H = net.units, state = net.batch * H, all = net.steps * state;
  const Matrices matrices(false, H, net.recurrent);
  over_examples(net.batch, [&](int64_t first, int64_t rows) {
    const int64_t n = rows * H;
    float* const work = scratch(Scratch::sequence, aligned(packed_a_floats(rows, H)) + 3 * aligned(n));
    float* const spare = work + aligned(packed_a_floats(rows, H));
    for (int64_t t = 0; t < net.steps; t++) {
      const int64_t at = t * state + first * H;
      const float* const h = t == 0 ? pass.initial_mean + first * H : pass.mean + at - state;
      const float* const s = t == 0 ? pass.initial_variance + first * H : pass.variance + at - state;
      float* const kept = pass.memory;
      float* const operand = kept ? kept + at : spare;
      float* const m = kept ? kept + all + at : spare + aligned(n);
      float* const v = kept ? kept + 2 * all + at : spare + 2 * aligned(n);
      table().operand(n, net.keep, h, s, operand);
      matrices.multiply(rows, H, h, operand, m, v, work);
      table().forward(net.rule, n, net.keep, pass.product + at, pass.input_variance + at, m, v, pass.mean + at,
                      pass.variance + at);
    }
  });
}

void moment_backward(const MomentBackward& pass) {
  const MomentNet& net = pass.net;
  const int64_t H = net.units, state = net.batch * H, all = net.steps * state;
  {
    const Matrices matrices(true, H, net.recurrent);
    over_examples(net.batch, [&](int64_t first, int64_t rows) {
      const int64_t n = rows * H;
      float* const work = scratch(Scratch::sequence, packed_a_floats(rows, H));
      // What step t + 1 sends back, in the end to the first state.
      float* const dh = pass.d_initial_mean + first * H;
      float* const ds = pass.d_initial_variance + first * H;
      std::memset(dh, 0, static_cast<size_t>(n) * sizeof(float));
      std::memset(ds, 0, static_cast<size_t>(n) * sizeof(float));
      for (int64_t t = net.steps - 1; t >= 0; t--) {
        const int64_t at = t * state + first * H;
        const float* const h = t == 0 ? pass.initial_mean + first * H : pass.mean + at - state;
        float* const dm = pass.d_product + at;
        float* const dv = pass.d_input_variance + at;
        table().backward(net.rule, n, pass.memory + all + at, pass.memory + 2 * all + at, pass.d_mean + at,
                         pass.d_variance + at, dh, ds, dm, dv);
        matrices.multiply(rows, H, dm, dv, dh, ds, work);
        table().carry(n, net.keep, h, dh, ds);
      }
    });
  }
  // dW = q Σ h_{t-1}ᵀ dm_t + 2 W ⊙ Σ operand_tᵀ dv_t
  std::vector<float> of_mean(static_cast<size_t>(H * H)), of_variance(of_mean.size());
  gemm(true, false, H, H, net.batch, pass.initial_mean, H, pass.d_product, H, of_mean.data(), H, false);
  gemm(true, false, H, H, all / H - net.batch, pass.mean, H, pass.d_product + state, H, of_mean.data(), H, true);
  gemm(true, false, H, H, all / H, pass.memory, H, pass.d_input_variance, H, of_variance.data(), H, false);
  table().weight(H * H, net.keep, net.recurrent, of_mean.data(), of_variance.data(), pass.d_recurrent);
}

}  // namespace rnnx
