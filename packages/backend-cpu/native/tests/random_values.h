#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gearshift::tests {

/** Steele, Lea and Flood's SplitMix64: the same numbers on every platform, unlike the distributions of <random>. */
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15u;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9u;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebu;
    return z ^ (z >> 31);
  }
  size_t below(size_t limit) { return static_cast<size_t>(next() % limit); }
  /** In [-1, 1). */
  float value() { return static_cast<float>(static_cast<int64_t>(next() >> 40) - (int64_t{1} << 23)) * 0x1p-23f; }
  std::vector<float> values(size_t count) {
    std::vector<float> all(count);
    for (float& one : all) one = value();
    return all;
  }

 private:
  uint64_t state_;
};

}  // namespace gearshift::tests
