#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dispatch/kernel_table.h"

namespace gearshift::fuzz {

/** What a fuzzer's bytes say, from the first to the last; zeros behind them. */
class Input {
 public:
  Input(const uint8_t* bytes, size_t count) : bytes_(bytes), left_(count) {}

  uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *bytes_++;
  }
  size_t below(size_t limit) { return (byte() | size_t{byte()} << 8) % limit; }
  /** The upper half of a float32: every kind of number within two bytes. */
  float number() {
    const uint32_t bits = static_cast<uint32_t>(byte()) << 16 | static_cast<uint32_t>(byte()) << 24;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  /** A few bytes give many rows: each begins as one of those before it. */
  std::vector<float> rows(size_t count, size_t dimensions) {
    std::vector<float> values(count * dimensions);
    for (size_t row = 0; row < count; ++row) {
      float* const at = values.data() + row * dimensions;
      if (row > 0) std::memcpy(at, values.data() + below(row) * dimensions, dimensions * sizeof(float));
      const size_t changes = row == 0 ? dimensions : byte() % 8;
      for (size_t i = 0; i < changes && left_ > 0; ++i) at[row == 0 ? i : below(dimensions)] = number();
    }
    return values;
  }

 private:
  const uint8_t* bytes_;
  size_t left_;
};

/** Kernels of one of the levels that this CPU can run. */
inline const KernelTable& choose_level(Input& input) {
  const LevelList list = all_levels();
  const KernelTable* able[8];
  size_t count = 0;
  for (size_t i = 0; i < list.count; ++i) {
    if (list.levels[i].missing[0] == '\0') {
      able[count++] = list.levels[i].kernels;
      if (list.levels[i].plain != list.levels[i].kernels) able[count++] = list.levels[i].plain;
    }
  }
  return *able[input.byte() % count];
}

/** Ends the program, so that the fuzzer keeps the input. */
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace gearshift::fuzz
