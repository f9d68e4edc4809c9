#pragma once

// The intrinsics of kernels_amx.cc in plain C++, as Intel's manual describes the instructions, so that its code runs on CPUs without
// AMX. Where the CPU would stop the process, because tiles have no configuration or do not match, this does too.

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace gearshift_amx {

struct Tiles {
  bool is_configured = false;
  uint16_t row_bytes[8];
  uint8_t rows[8];
  alignas(64) uint8_t bytes[8][16][64];
};

inline Tiles& tiles() {
  static thread_local Tiles tiles;
  return tiles;
}

inline void expect(bool holds) {
  if (!holds) std::abort();
}

inline void load_configuration(const void* from) {
  uint8_t read[64];
  std::memcpy(read, from, sizeof read);
  expect(read[0] == 1 && read[1] == 0);
  for (int i = 2; i < 16; ++i) expect(read[i] == 0);
  Tiles& t = tiles();
  t = {};
  for (int tile = 0; tile < 16; ++tile) {
    uint16_t row_bytes;
    std::memcpy(&row_bytes, read + 16 + 2 * tile, sizeof row_bytes);
    const uint8_t rows = read[48 + tile];
    expect(tile < 8 ? row_bytes <= 64 && rows <= 16 && (row_bytes == 0) == (rows == 0) : row_bytes == 0 && rows == 0);
    if (tile >= 8) continue;
    t.row_bytes[tile] = row_bytes;
    t.rows[tile] = rows;
  }
  t.is_configured = true;
}

inline Tiles& used(int tile) {
  Tiles& t = tiles();
  expect(t.is_configured && t.rows[tile] > 0);
  return t;
}

/** All of a tile that is not loaded is zero. */
inline void load(int tile, const void* from, size_t stride) {
  Tiles& t = used(tile);
  std::memset(t.bytes[tile], 0, sizeof t.bytes[tile]);
  for (size_t row = 0; row < t.rows[tile]; ++row)
    std::memcpy(t.bytes[tile][row], static_cast<const uint8_t*>(from) + row * stride, t.row_bytes[tile]);
}

inline void store(int tile, void* to, size_t stride) {
  const Tiles& t = used(tile);
  for (size_t row = 0; row < t.rows[tile]; ++row)
    std::memcpy(static_cast<uint8_t*>(to) + row * stride, t.bytes[tile][row], t.row_bytes[tile]);
}

inline void set_zero(int tile) {
  Tiles& t = used(tile);
  std::memset(t.bytes[tile], 0, sizeof t.bytes[tile]);
}

/** sums[m][n] += products of four unsigned bytes of a[m] with four signed bytes of b. */
inline void add_products(int sums, int a, int b) {
  Tiles& t = used(sums);
  expect(sums != a && sums != b && a != b && t.rows[a] == t.rows[sums] && t.row_bytes[b] == t.row_bytes[sums]);
  expect(t.row_bytes[a] == 4 * t.rows[b] && t.row_bytes[b] % 4 == 0);
  for (size_t m = 0; m < t.rows[sums]; ++m) {
    for (size_t k = 0; k < t.rows[b]; ++k) {
      for (size_t n = 0; n < t.row_bytes[sums] / 4u; ++n) {
        int32_t sum;
        std::memcpy(&sum, &t.bytes[sums][m][4 * n], sizeof sum);
        for (size_t i = 0; i < 4; ++i) sum += t.bytes[a][m][4 * k + i] * static_cast<int8_t>(t.bytes[b][k][4 * n + i]);
        std::memcpy(&t.bytes[sums][m][4 * n], &sum, sizeof sum);
      }
    }
  }
}

}  // namespace gearshift_amx

// Some are macros of the compiler.
#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbusd
#define _tile_loadconfig(from) gearshift_amx::load_configuration(from)
#define _tile_release() (gearshift_amx::tiles().is_configured = false)
#define _tile_loadd(tile, from, stride) gearshift_amx::load(tile, from, stride)
#define _tile_stored(tile, to, stride) gearshift_amx::store(tile, to, stride)
#define _tile_zero(tile) gearshift_amx::set_zero(tile)
#define _tile_dpbusd(sums, a, b) gearshift_amx::add_products(sums, a, b)
