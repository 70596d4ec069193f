#include "dispatch.h"

#include <cstdlib>
#include <cstring>

namespace rnnx {
namespace {

struct Named {
  Isa isa;
  const char* name;
  bool available;
};

Isa choose() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  const Named best_first[] = {
      {Isa::avx512, "avx512", avx512}, {Isa::avx2, "avx2", avx2}, {Isa::baseline, "baseline", true}};
#elif defined(__aarch64__)
  const Named best_first[] = {{Isa::neon, "neon", true}};
#else
  const Named best_first[] = {{Isa::baseline, "baseline", true}};
#endif
  if (const char* asked = std::getenv("RNNX_NATIVE_ISA"))
    for (const Named& each : best_first)
      if (each.available && std::strcmp(asked, each.name) == 0) return each.isa;
  for (const Named& each : best_first)
    if (each.available) return each.isa;
  return Isa::baseline;
}

}  // namespace

Isa active_isa() {
  static const Isa isa = choose();
  return isa;
}

const char* isa_name() {
  switch (active_isa()) {
    case Isa::avx512: return "avx512";
    case Isa::avx2: return "avx2";
    case Isa::neon: return "neon";
    case Isa::baseline: break;
  }
  return "baseline";
}

}  // namespace rnnx
