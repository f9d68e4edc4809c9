// Put in front of a .cu file, so that a C++ compiler takes it: the CUDA execution model on the CPU, one fiber for each GPU
// thread of a block. What the hardware leaves undefined ends the launch with an error that says what happened.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <cstddef>
#include <utility>

namespace simt {

struct Dimensions {
  unsigned x, y, z;
};

/** Parameters of the running block and thread. */
extern Dimensions current_grid, current_block, current_block_index;
const Dimensions& current_thread_index();
unsigned current_lane();

void sync_block();

enum class WarpOperation : uint8_t { shuffle, ballot, multiply_float16, multiply_tf32 };
/** Meets the other lanes of the mask: the value of `source`, or a bit for each lane with a value that is not 0. */
uint32_t meet_warp(WarpOperation operation, uint32_t mask, uint32_t value, unsigned source);
/** Meets the whole warp for a matrix product, each lane with its words of A, B and C: see kernels/warp_mma.cuh. */
void multiply_fragments(WarpOperation operation, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
uint16_t half_bits_of(float value);
float float_of_half_bits(uint16_t bits);
/** The nearest with 10 bits of mantissa, ties away from zero. */
uint32_t rounded_to_tf32(uint32_t bits);

/** A kernel, registered under its name before main(). */
struct Kernel {
  const char* name;
  unsigned most_threads;
  unsigned parameter_count;
  const unsigned* parameter_bytes;
  void (*call)(void** parameters);
  Kernel* next;

  Kernel(const char* name, unsigned most_threads, unsigned parameter_count, const unsigned* parameter_bytes,
         void (*call)(void**))
      : name(name),
        most_threads(most_threads),
        parameter_count(parameter_count),
        parameter_bytes(parameter_bytes),
        call(call),
        next(first) {
    first = this;
  }
  static Kernel* first;
};

template <typename T>
T read_parameter(const void* memory) {
  T value;
  memcpy(&value, memory, sizeof value);
  return value;
}

template <typename... Parameters>
struct Signature {
  static constexpr unsigned count = sizeof...(Parameters);
  static constexpr unsigned bytes[sizeof...(Parameters) + 1] = {sizeof(Parameters)..., 0};

  template <void (*kernel)(Parameters...)>
  static void call(void** parameters) {
    call_with<kernel>(parameters, std::index_sequence_for<Parameters...>());
  }

 private:
  template <void (*kernel)(Parameters...), size_t... i>
  static void call_with(void** parameters, std::index_sequence<i...>) {
    kernel(read_parameter<Parameters>(parameters[i])...);
  }
};
template <typename... Parameters>
Signature<Parameters...> signature_of(void (*)(Parameters...));

template <typename T>
T shuffle(uint32_t mask, T value, unsigned source) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "the hardware shuffles 32 bits, and the compiler 64");
  if constexpr (sizeof(T) == 4) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bits = meet_warp(WarpOperation::shuffle, mask, bits, source);
    memcpy(&value, &bits, 4);
  } else {
    uint32_t halves[2];
    memcpy(halves, &value, 8);
    for (uint32_t& half : halves) half = meet_warp(WarpOperation::shuffle, mask, half, source);
    memcpy(&value, halves, 8);
  }
  return value;
}

}  // namespace simt

#define __device__
#define __global__
#define __launch_bounds__(...)
// Blocks run one after another, so one place in memory serves them all; it is found by its section, to be poisoned.
#define __shared__ static __attribute__((section("simt_shared")))
#define threadIdx (simt::current_thread_index())
#define blockIdx simt::current_block_index
#define blockDim simt::current_block
#define gridDim simt::current_grid
#define __syncthreads() simt::sync_block()

#define GEARSHIFT_KERNEL(threads, name, ...)                                                                              \
  extern "C" void name(__VA_ARGS__);                                                                                      \
  static simt::Kernel registered_##name(#name, threads, decltype(simt::signature_of(name))::count,                        \
                                        decltype(simt::signature_of(name))::bytes,                                        \
                                        &decltype(simt::signature_of(name))::call<&name>);                                \
  extern "C" void name(__VA_ARGS__)

struct alignas(16) float4 {
  float x, y, z, w;
};

struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct alignas(16) int4 {
  int32_t x, y, z, w;
};

template <typename T>
inline T __shfl_xor_sync(uint32_t mask, T value, unsigned bits) {
  return simt::shuffle(mask, value, simt::current_lane() ^ bits);
}
inline uint32_t __ballot_sync(uint32_t mask, bool vote) {
  return simt::meet_warp(simt::WarpOperation::ballot, mask, vote ? 1 : 0, 0);
}

inline uint32_t atomicAdd(uint32_t* address, uint32_t value) { return __atomic_fetch_add(address, value, __ATOMIC_RELAXED); }

inline uint32_t __float_as_uint(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}
inline float __uint_as_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
inline int __ffs(uint32_t bits) { return __builtin_ffs(static_cast<int>(bits)); }
template <typename T>
inline T __ldcs(const T* address) {
  return *address;
}
/** Four products of int8 and a sum. */
inline int32_t __dp4a(int32_t a, int32_t b, int32_t c) {
  for (int i = 0; i < 4; ++i) c += static_cast<int8_t>(a >> 8 * i) * static_cast<int8_t>(b >> 8 * i);
  return c;
}
