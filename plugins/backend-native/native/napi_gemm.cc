#include "gemm.h"
#include "napi_support.h"

namespace rnnx {
namespace {

/// gemm(transA, transB, M, N, K, A, B, C, accumulate): C[M,N] = op(A)·op(B), all dense row-major Float32Arrays.
napi_value dense(Call& call) {
  const bool transA = call.boolean("transA");
  const bool transB = call.boolean("transB");
  const int64_t M = call.size("M");
  const int64_t N = call.size("N");
  const int64_t K = call.size("K");
  const float* A = call.floats("A", M * K);
  const float* B = call.floats("B", K * N);
  float* C = call.floats("C", M * N);
  const bool accumulate = call.boolean("accumulate");
  return call.later([=] { gemm(transA, transB, M, N, K, A, transA ? M : K, B, transB ? K : N, C, N, accumulate); });
}

/// linear(M, N, K, A, B, bias, C): C[M,N] = A[M,K]·B[K,N] + bias[N] on every row.
napi_value linear(Call& call) {
  const int64_t M = call.size("M");
  const int64_t N = call.size("N");
  const int64_t K = call.size("K");
  const float* A = call.floats("A", M * K);
  const float* B = call.floats("B", K * N);
  const float* bias = call.floats("bias", N);
  float* C = call.floats("C", M * N);
  return call.later([=] { gemm_bias(M, N, K, A, K, B, N, bias, C, N); });
}

}  // namespace

void register_gemm(napi_env env, napi_value exports) {
  define_later(env, exports, "gemm", dense);
  define_later(env, exports, "linear", linear);
}

}  // namespace rnnx
