#pragma once
// Fast dropout over a whole sequence: the mean and variance that dropout masks would give the units of a simple recurrent
// network (Wang and Manning 2013; Bayer et al. 2013). The oracle is the composed path, plugins/fast-dropout.
//
//   m_t = p_t + q h_{t-1} W              h_t, s_t = mean and variance of φ(a), a ~ N(m_t, v_t)
//   v_t = r_t + (q s_{t-1} + q (1 - q) h_{t-1}²) W²
//
// T steps, B examples, H units, all arrays row-major float32, [T, B, H] where nothing else is said. Examples do not
// influence each other: each thread takes some of them through all steps.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

// The numbers are part of the JavaScript interface.
enum class MomentActivation : int32_t { tanh, sigmoid, relu, count };

struct MomentRule {
  MomentActivation activation;
  /// Nodes and weights of a quadrature under the standard normal density; 0 for the closed form.
  int64_t nodes;
  const float* node;
  const float* weight;
};

struct MomentNet {
  int64_t steps, batch, units;
  MomentRule rule;
  float keep;              // q
  const float* recurrent;  // W, [H, H]
};

/// What a forward pass for training keeps: the variances of the operands, then m and v.
inline int64_t moment_memory(const MomentNet& net) { return 3 * net.steps * net.batch * net.units; }

struct MomentForward {
  MomentNet net;
  const float* product;           // p
  const float* input_variance;    // r
  const float* initial_mean;      // [B, H]
  const float* initial_variance;  // [B, H]
  float* memory;                  // moment_memory floats, or null where nothing is kept
  float* mean;                    // h
  float* variance;                // s
};
void moment_forward(const MomentForward& pass);

struct MomentBackward {
  MomentNet net;
  const float* initial_mean;
  const float* memory;
  const float* mean;         // as the forward pass gave it
  const float* d_mean;       // of h
  const float* d_variance;   // of s
  float* d_product;
  float* d_input_variance;
  float* d_recurrent;        // [H, H]
  float* d_initial_mean;     // [B, H]
  float* d_initial_variance;
};
void moment_backward(const MomentBackward& pass);

/// Elementwise parts, n numbers each.
struct MomentTable {
  /// q s + q (1 - q) h²
  void (*operand)(int64_t n, float q, const float* h, const float* s, float* out);
  /// m = p + q mw, v = r + vw in place of mw and vw; then their moments.
  void (*forward)(const MomentRule& rule, int64_t n, float q, const float* p, const float* r, float* m, float* v,
                  float* mean, float* variance);
  /// From the gradients of the moments to those of m and v. The carried gradients, [n] each, are added to d_mean, d_variance.
  void (*backward)(const MomentRule& rule, int64_t n, const float* m, const float* v, const float* d_mean,
                   const float* d_variance, const float* carried_mean, const float* carried_variance, float* dm, float* dv);
  /// From the gradients of the two operands to those of h and s: in place, dh = q dh + 2 q (1 - q) h ds, ds = q ds.
  void (*carry)(int64_t n, float q, const float* h, float* dh, float* ds);
  /// out = q a + 2 w b
  void (*weight)(int64_t n, float q, const float* w, const float* a, const float* b, float* out);
};
RNNX_DECLARE_TABLE(MomentTable, moment_table)

}  // namespace rnnx
