// Plain C++ for any CPU. Eight lanes, two vectors of them a row: 16 independent sums. One sum would be 7 to 15 times slower,
// because floating-point additions must not be reordered.
#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/element_value.h"
#include "kernels/kernels.h"

namespace gearshift {
namespace {

#if defined(__GNUC__)
/** One register where there are vector registers. Arrays come to lie in them only here and there, which costs a factor of 3. */
using Quad = float __attribute__((vector_size(16)));
#else
struct Quad {
  float lane[4];
  float operator[](size_t i) const { return lane[i]; }
};
inline Quad operator+(Quad a, Quad b) {
  for (size_t i = 0; i < 4; ++i) a.lane[i] += b.lane[i];
  return a;
}
inline Quad operator-(Quad a, Quad b) {
  for (size_t i = 0; i < 4; ++i) a.lane[i] -= b.lane[i];
  return a;
}
inline Quad operator*(Quad a, Quad b) {
  for (size_t i = 0; i < 4; ++i) a.lane[i] *= b.lane[i];
  return a;
}
#endif

struct Lanes {
  static constexpr size_t kWidth = 8;
  static constexpr int kTileRows = 1;
  static constexpr int kTileQueries = 2;
  struct Vector {
    Quad low, high;
  };
  static inline Vector zero() { return broadcast(0); }
  static inline Vector broadcast(float value) {
    const Quad quad = {value, value, value, value};
    return {quad, quad};
  }
  static inline Vector load(const float* from) {
    Vector v;
    std::memcpy(&v.low, from, sizeof v.low);
    std::memcpy(&v.high, from + 4, sizeof v.high);
    return v;
  }
  template <class Element>
  static inline Vector load(const Element* from) {
    float lanes[kWidth];
    for (size_t i = 0; i < kWidth; ++i) lanes[i] = value_of(from[i]);
    return load(lanes);
  }
  template <class Element>
  static inline Vector load_first(const Element* from, size_t count) {
    Element lanes[kWidth] = {};
    std::memcpy(lanes, from, count * sizeof(Element));
    return load(lanes);
  }
  static inline void store(float* to, Vector v) {
    std::memcpy(to, &v.low, sizeof v.low);
    std::memcpy(to + 4, &v.high, sizeof v.high);
  }
  static inline Vector larger_magnitude(Vector most, Vector v) {
    return each(most, v, [](float a, float b) { return std::fabs(b) > a ? std::fabs(b) : a; });
  }
  static inline Vector as_byte(Vector v) {
    return each(v, v, [](float a, float) { return a > 0 ? (a < 255 ? a : 255) : 0; });
  }
  /** Of numbers that fit in 32 bits. */
  static inline Vector truncated(Vector v) {
    return each(v, v, [](float a, float) { return static_cast<float>(static_cast<int32_t>(a)); });
  }
  static inline void turn_quads(const float* from, size_t from_stride, float* to, size_t to_stride) {
    for (size_t row = 0; row < 4; ++row)
      for (size_t column = 0; column < 4; ++column) to[column * to_stride + row] = from[row * from_stride + column];
  }
  static inline Vector kept(Vector v) { return v; }
  static inline Vector add(Vector a, Vector b) { return {a.low + b.low, a.high + b.high}; }
  static inline Vector subtract(Vector a, Vector b) { return {a.low - b.low, a.high - b.high}; }
  static inline Vector multiply(Vector a, Vector b) { return {a.low * b.low, a.high * b.high}; }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) {
    return {a.low * b.low + c.low, a.high * b.high + c.high};
  }
  static inline float sum(Vector v) {
    const Quad quad = v.low + v.high;
    return (quad[0] + quad[2]) + (quad[1] + quad[3]);
  }
  static inline void store_sums(const Vector (&v)[4], float* to) {
    for (size_t i = 0; i < 4; ++i) to[i] = sum(v[i]);
  }
  template <size_t kBytes>
  static inline void prefetch(const void*) {}  // not known to pay
  static inline unsigned above_mask(Vector a, Vector b) {
    unsigned mask = 0;
    for (size_t i = 0; i < 4; ++i) {
      mask |= static_cast<unsigned>(a.low[i] > b.low[i]) << i;
      mask |= static_cast<unsigned>(a.high[i] > b.high[i]) << (i + 4);
    }
    return mask;
  }

 private:
  template <class Function>
  static inline Vector each(const Vector& a, const Vector& b, const Function& function) {
    float results[kWidth];
    for (size_t i = 0; i < 4; ++i) {
      results[i] = function(a.low[i], b.low[i]);
      results[i + 4] = function(a.high[i], b.high[i]);
    }
    return load(results);
  }
};

inline unsigned lowest_bit(unsigned mask) {
  unsigned bit = 0;
  while ((mask >> bit & 1) == 0) ++bit;
  return bit;
}

/** Whole vectors of bytes as arrays: compilers turn the loops into vector code. */
struct CodeLanes {
  static constexpr size_t kBytes = 16;
  static constexpr int kRows = 1;
  static constexpr int kQueries = 4;
  static constexpr bool kSumsAreWide = false;
  static constexpr int32_t kMiddleOfWhole = 0;
  static constexpr int32_t kMostPart = kMostWholePart;
  struct Bytes {
    uint8_t byte[kBytes];
  };
  struct Sums16 {
    int16_t sum[kBytes / 2];
  };
  struct Sums32 {
    int32_t sum[kBytes / 4];
  };
  static inline Bytes load(const void* from) {
    Bytes v;
    std::memcpy(&v, from, sizeof v);
    return v;
  }
  static inline void store(void* to, const Bytes& v) { std::memcpy(to, &v, sizeof v); }
  static inline Bytes whole_of_low_halves(Bytes high, const Bytes& low) {
    for (size_t i = 0; i < kBytes; ++i) high.byte[i] = static_cast<uint8_t>(high.byte[i] << 4 | (low.byte[i] & 15));
    return high;
  }
  static inline Bytes whole_of_high_halves(Bytes high, const Bytes& low) {
    for (size_t i = 0; i < kBytes; ++i) high.byte[i] = static_cast<uint8_t>((high.byte[i] & 240) | low.byte[i] >> 4);
    return high;
  }
  static inline Bytes low_halves(Bytes v) {
    for (uint8_t& byte : v.byte) byte &= 15;
    return v;
  }
  static inline Bytes high_halves(Bytes v) {
    for (uint8_t& byte : v.byte) byte = static_cast<uint8_t>(byte >> 4);
    return v;
  }
  static inline Sums16 zero16() { return {}; }
  static inline Sums16 products(Bytes codes, Bytes query) {
    Sums16 sums;
    for (size_t i = 0; i < kBytes / 2; ++i) {
      const int first = codes.byte[2 * i] * static_cast<int8_t>(query.byte[2 * i]);
      sums.sum[i] = static_cast<int16_t>(first + codes.byte[2 * i + 1] * static_cast<int8_t>(query.byte[2 * i + 1]));
    }
    return sums;
  }
  static inline Sums16 add16(Sums16 a, Sums16 b) {
    for (size_t i = 0; i < kBytes / 2; ++i) a.sum[i] = static_cast<int16_t>(a.sum[i] + b.sum[i]);
    return a;
  }
  static inline Sums32 zero32() { return {}; }
  static inline Sums32 add_wide(Sums32 sums, Sums16 more) {
    for (size_t i = 0; i < kBytes / 4; ++i) sums.sum[i] += more.sum[2 * i] + more.sum[2 * i + 1];
    return sums;
  }
  static inline Sums32 add_whole(Sums32 sums, const Bytes& codes, const Bytes& query) {
    return add_wide(sums, products(codes, query));
  }
  static inline Sums32 weighted(Sums32 high, const Sums32& low) {
    for (size_t i = 0; i < kBytes / 4; ++i) high.sum[i] = kLowPartsOfCode * high.sum[i] + low.sum[i];
    return high;
  }
  static inline int32_t total(const Sums32& v) { return (v.sum[0] + v.sum[1]) + (v.sum[2] + v.sum[3]); }
  static inline void store_totals(const Sums32 (&v)[kRows], int32_t* to) { *to = total(v[0]); }
};

#include "kernels/code_kernels.inc"
#include "kernels/encode_kernels.inc"
#include "kernels/finish_kernels.inc"
#include "kernels/scan_kernels.inc"

void add_slice_sums_f32(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                        double* sums) noexcept {
  double sum[16];
  std::memcpy(sum, sums, sizeof sum);
  for (uint32_t step = 0; step < lengths[0]; ++step, columns += 16, weights += 16) {
    for (size_t lane = 0; lane < 16 && step < lengths[lane]; ++lane)
      sum[lane] += static_cast<double>(weights[lane]) * x[columns[lane]];
  }
  std::memcpy(sums, sum, sizeof sum);
}

}  // namespace

const KernelTable kPortableKernels = {"portable",
                                  GEARSHIFT_SCAN_KERNELS,
                                  finish_cosine_f32,
                                  finish_euclidean_f32,
                                  any_not_finite_f32,
                                  above_f32,
                                  below_f32,
                                  {CodeLanes::kMostPart, code_sums, code_sums_chosen, code_bounds, code_limits, code_whole_sums, code_whole_bounds, nullptr, nullptr},
                                  {transform_row, code_row},
                                  add_slice_sums_f32,
                                  add_slice_sums_f32};

}  // namespace gearshift
