#pragma once
// Which instruction set the kernels run on. Files named *_kernels.cc are compiled once per instruction set, each copy in
// its own namespace rnnx::RNNX_ISA with a constant table of function pointers; the rest of the addon is compiled for the
// baseline and reaches the copies through RNNX_TABLE.
//
// A group of kernels looks like this:
//
//   // foo.h
//   struct FooTable { void (*twice)(int64_t n, const float* x, float* y); };
//   RNNX_DECLARE_TABLE(FooTable, foo_table)
//
//   // foo_kernels.cc
//   namespace rnnx::RNNX_ISA {
//   static void twice(...) { ... }
//   extern const FooTable foo_table = {twice};
//   }
//
//   // anywhere in namespace rnnx
//   RNNX_TABLE(foo_table).twice(n, x, y);
//
// Functions in *_kernels.cc must be static or live in rnnx::RNNX_ISA, and must not instantiate library templates that
// the compiler may emit out of line: the linker keeps one copy of those, which an older processor may not be able to run.

namespace rnnx {

enum class Isa { baseline, avx2, avx512, neon };

/// The instruction set in use: the best of those compiled in that this processor has. The environment variable
/// RNNX_NATIVE_ISA lowers it (`baseline`, `avx2`, `avx512`, `neon`); a name that is not available is not taken.
Isa active_isa();

/// Its name, as RNNX_NATIVE_ISA takes it.
const char* isa_name();

}  // namespace rnnx

#if defined(__x86_64__)
#define RNNX_DECLARE_TABLE(Type, name) \
  namespace baseline {                 \
  extern const Type name;              \
  }                                    \
  namespace avx2 {                     \
  extern const Type name;              \
  }                                    \
  namespace avx512 {                   \
  extern const Type name;              \
  }
#define RNNX_TABLE(name)                                                 \
  (::rnnx::active_isa() == ::rnnx::Isa::avx512 ? ::rnnx::avx512::name    \
   : ::rnnx::active_isa() == ::rnnx::Isa::avx2 ? ::rnnx::avx2::name      \
                                               : ::rnnx::baseline::name)
#elif defined(__aarch64__)
#define RNNX_DECLARE_TABLE(Type, name) \
  namespace neon {                     \
  extern const Type name;              \
  }
#define RNNX_TABLE(name) (::rnnx::neon::name)
#else
#define RNNX_DECLARE_TABLE(Type, name) \
  namespace baseline {                 \
  extern const Type name;              \
  }
#define RNNX_TABLE(name) (::rnnx::baseline::name)
#endif
