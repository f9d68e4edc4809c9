#include "simt/fragments.h"

#include <cmath>
#include <cstring>

#include "simt/simt.h"

namespace simt {
namespace {

constexpr unsigned kRows = 16;
constexpr unsigned kColumns = 8;
constexpr unsigned kWords = 8;

float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/** What the hardware makes of the bits: of a float32 that was not rounded it takes the upper ones. */
float tf32_value(uint32_t bits) { return float_of_bits(bits & 0xffffe000u); }

/** The exact product of two words. */
double multiply_words(bool is_tf32, uint32_t a, uint32_t b) {
  if (is_tf32) return static_cast<double>(tf32_value(a)) * tf32_value(b);
  double sum = 0;
  for (unsigned shift = 0; shift < 32; shift += 16) {
    sum += static_cast<double>(float_of_half_bits(static_cast<uint16_t>(a >> shift))) *
           float_of_half_bits(static_cast<uint16_t>(b >> shift));
  }
  return sum;
}

/** Towards zero: tensor cores cut off, so this is the more hostile way to round. */
float cut_off(double value) {
  const auto rounded = static_cast<float>(value);
  return std::isfinite(rounded) && std::fabs(static_cast<double>(rounded)) > std::fabs(value) ? std::nextafterf(rounded, 0.0f) : rounded;
}

}  // namespace

uint16_t half_bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  if (std::isnan(value)) return sign | 0x7e00u;
  // In units of the last place of the result, rounded to even by the current mode.
  const double magnitude = std::fabs(static_cast<double>(value));
  int exponent = 0;
  if (magnitude > 0) std::frexp(magnitude, &exponent);
  const int place = exponent - 11 < -24 ? -24 : exponent - 11;
  const double steps = std::nearbyint(std::ldexp(magnitude, -place));
  const double rounded = std::ldexp(steps, place);
  if (rounded >= 65520.0) return sign | 0x7c00u;
  if (rounded < 0x1p-14) return sign | static_cast<uint16_t>(std::ldexp(rounded, 24));
  std::frexp(rounded, &exponent);
  const auto mantissa = static_cast<uint16_t>(std::ldexp(rounded, 11 - exponent)) & 0x3ffu;
  return static_cast<uint16_t>(sign | (exponent + 14) << 10 | mantissa);
}

float float_of_half_bits(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int mantissa = bits & 0x3ff;
  float magnitude = exponent == 31  ? (mantissa == 0 ? INFINITY : NAN)
                    : exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                    : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return (bits & 0x8000u) != 0 ? -magnitude : magnitude;
}

uint32_t rounded_to_tf32(uint32_t bits) {
  if ((bits & 0x7f800000u) == 0x7f800000u) return bits;
  return (bits + 0x1000u) & 0xffffe000u;
}

void multiply(bool is_tf32, Fragments* const (&lanes)[32]) {
  uint32_t a[kRows][kWords];
  uint32_t b[kWords][kColumns];
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned g = lane / 4;
    const unsigned t = lane % 4;
    a[g][t] = lanes[lane]->a[0];
    a[g + 8][t] = lanes[lane]->a[1];
    a[g][t + 4] = lanes[lane]->a[2];
    a[g + 8][t + 4] = lanes[lane]->a[3];
    b[t][g] = lanes[lane]->b[0];
    b[t + 4][g] = lanes[lane]->b[1];
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = lane / 4 + i / 2 * 8;
      const unsigned column = lane % 4 * 2 + i % 2;
      double sum = lanes[lane]->c[i];
      for (unsigned word = 0; word < kWords; ++word) sum += multiply_words(is_tf32, a[row][word], b[word][column]);
      lanes[lane]->c[i] = cut_off(sum);
    }
  }
}

}  // namespace simt
