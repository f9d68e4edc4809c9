// The matrix product of a warp on the tensor cores, and the conversions it wants. The only file with machine instructions; for
// the simulator each has a form in plain code, which rounds as the hardware may at worst.
#pragma once

#include "kernels/kernel.cuh"

namespace gearshift::cuda {

/**
 * What a lane holds of A (16 rows), B (8 columns) and C. With g = lane / 4 and t = lane % 4, and a depth of 8 words of 32 bits:
 * a is A[g][t], A[g + 8][t], A[g][t + 4], A[g + 8][t + 4]; b is B[t][g], B[t + 4][g]; c is C[g][2t], C[g][2t + 1], C[g + 8][2t],
 * C[g + 8][2t + 1]. A word is two float16, or one tf32: both kinds have the same layout ("PTX ISA", matrix fragments for
 * mma.m16n8k16 with .f16 and mma.m16n8k8 with .tf32).
 */
struct Float16Words {
  /** Elements of a depth of 8 words. */
  static constexpr uint32_t kDepth = 16;
  __device__ static uint32_t staged(uint32_t word) { return word; }
  __device__ static void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
};

struct Tf32Words {
  static constexpr uint32_t kDepth = 8;
  /** A float32 becomes the nearest that 10 bits of mantissa hold: relatively within 2^-11. */
  __device__ static uint32_t staged(uint32_t word);
  __device__ static void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
};

#if defined(__CUDACC__)

// Turing has no such instructions; the host does not launch these kernels there.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define GEARSHIFT_HAS_MMA 1
#else
#define GEARSHIFT_HAS_MMA 0
#endif

__device__ inline uint16_t half_bits_of(float value) {
  uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ inline float float_of_half_bits(uint16_t bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

__device__ inline uint32_t Tf32Words::staged(uint32_t word) {
#if GEARSHIFT_HAS_MMA
  uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(word)));
  return rounded;
#else
  return word;
#endif
}

#if GEARSHIFT_HAS_MMA
#define GEARSHIFT_MMA(shape_and_types)                                              \
  asm volatile("mma.sync.aligned." shape_and_types                                  \
               " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"   \
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                     \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
#else
#define GEARSHIFT_MMA(shape_and_types) (void)a, (void)b, (void)c, __trap()
#endif
__device__ inline void Float16Words::multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  GEARSHIFT_MMA("m16n8k16.row.col.f32.f16.f16.f32");
}
__device__ inline void Tf32Words::multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  GEARSHIFT_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
}
#undef GEARSHIFT_MMA

#else  // simulated

inline uint16_t half_bits_of(float value) { return simt::half_bits_of(value); }
inline float float_of_half_bits(uint16_t bits) { return simt::float_of_half_bits(bits); }
inline uint32_t Tf32Words::staged(uint32_t word) { return simt::rounded_to_tf32(word); }
inline void Float16Words::multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  simt::multiply_fragments(simt::WarpOperation::multiply_float16, c, a, b);
}
inline void Tf32Words::multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  simt::multiply_fragments(simt::WarpOperation::multiply_tf32, c, a, b);
}

#endif

}  // namespace gearshift::cuda
