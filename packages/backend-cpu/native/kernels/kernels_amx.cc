// The sums of whole codes for several queries on CPUs with AMX, which multiply tiles of 16 rows and 16 queries, 64 dimensions in one
// step. The codes of rows are unsigned and the parts of queries signed, so that the sums, which are exact, are those of every level.
#if defined(GEARSHIFT_EMULATE_AVX512)
#include "emulated_avx512.h"  // of the native tests: the same intrinsics in plain C++
#include "emulated_amx.h"
#else
#include <immintrin.h>
#endif

#include <cstring>

#include "kernels/kernels.h"

namespace gearshift {
namespace {

constexpr size_t kTileRows = 16;  // of codes; as many queries
constexpr size_t kTileDimensions = 64;
constexpr size_t kTileBytes = kTileRows * kTileDimensions;
/** Two tiles of rows and two of queries: each that is loaded is used twice. */
constexpr size_t kRowsTogether = 2 * kTileRows;
constexpr size_t kQueriesTogether = 2 * kTileRows;
/** Of so many dimensions the codes of kRowsTogether rows are joined once for all queries, in half of a small first-level cache. */
constexpr size_t kDimensionsTogether = 1536;
static_assert(kQueriesLaidOut == kTileRows, "a tile has room for its queries");

/** GCC does not know what a tile is loaded from. */
inline void finish_stores() { asm volatile("" ::: "memory"); }

/** All eight tiles as large as they can be, for as long as this lives. */
class TileConfiguration {
 public:
  TileConfiguration() {
    Layout layout{};
    layout.palette = 1;
    for (size_t tile = 0; tile < kTiles; ++tile) {
      layout.row_bytes[tile] = kTileDimensions;
      layout.rows[tile] = kTileRows;
    }
    finish_stores();
    _tile_loadconfig(&layout);
  }
  /** What a thread has in tiles is saved on each switch to another. */
  ~TileConfiguration() { _tile_release(); }
  TileConfiguration(const TileConfiguration&) = delete;
  TileConfiguration& operator=(const TileConfiguration&) = delete;

 private:
  static constexpr size_t kTiles = 8;
  struct alignas(64) Layout {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  };
  static_assert(sizeof(Layout) == 64, "as the instruction reads it");
};

/**
 * Asks for the codes behind those of some rows while these are multiplied: memory and tiles are busy at the same time. A step is a
 * multiplication of 64 dimensions.
 */
class CodesAhead {
 public:
  CodesAhead(const uint8_t* high, const uint8_t* low, size_t bytes, size_t steps)
      : high_(high), low_(low), end_(bytes), of_step_((bytes / kLine + steps - 1) / steps * kLine) {}

  void step() {
    const size_t stop = at_ + of_step_ < end_ ? at_ + of_step_ : end_;
    for (; at_ < stop; at_ += kLine) {
      _mm_prefetch(reinterpret_cast<const char*>(high_ + at_), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(low_ + at_), _MM_HINT_T0);
    }
  }

 private:
  static constexpr size_t kLine = 64;
  const uint8_t* const high_;
  const uint8_t* const low_;
  const size_t end_;
  const size_t of_step_;
  size_t at_ = 0;
};

/** Some rows, up to kRowsTogether, with their whole codes in tiles: those of all rows for 64 dimensions, then those for the next 64. */
class JoinedRows {
 public:
  JoinedRows(const uint8_t* high, const uint8_t* low, size_t row_count, size_t bytes, size_t query_groups)
      : ahead(high + kRowsTogether * bytes, low + kRowsTogether * bytes, kRowsTogether * bytes,
              query_groups * (2 * bytes / kTileDimensions)),
        high_(high),
        low_(low),
        row_count_(row_count),
        bytes_(bytes) {}

  CodesAhead ahead;

  /** The codes of the bytes [from, stop), which stay until others are asked for: joining takes as long as multiplying by 32 queries. */
  const uint8_t* tiles(size_t from, size_t stop) {
    if (from != joined_from_) join(from, stop);
    joined_from_ = from;
    return tiles_;
  }

  size_t row_count() const { return row_count_; }
  size_t bytes() const { return bytes_; }

 private:
  void join(size_t from, size_t stop) {
    constexpr size_t kLine = 64;
    const __m512i mask = _mm512_set1_epi8(15);
    for (size_t r = 0; r < kRowsTogether; ++r) {
      // In place of rows that there are not, the last one: nothing reads their sums.
      const size_t at = (r < row_count_ ? r : row_count_ - 1) * bytes_;
      uint8_t* to = tiles_ + r * kTileDimensions;
      for (size_t j = from; j < stop; j += kLine) {
        const __m512i upper = _mm512_loadu_si512(high_ + at + j);
        const __m512i lower = _mm512_loadu_si512(low_ + at + j);
        const __m512i first = _mm512_or_si512(_mm512_slli_epi16(_mm512_and_si512(upper, mask), 4), _mm512_and_si512(lower, mask));
        const __m512i second =
            _mm512_or_si512(_mm512_andnot_si512(mask, upper), _mm512_and_si512(_mm512_srli_epi16(lower, 4), mask));
        _mm512_storeu_si512(to, first);
        _mm512_storeu_si512(to + 2 * kTileBytes, second);
        to += 4 * kTileBytes;
      }
    }
    finish_stores();
  }

  const uint8_t* const high_;
  const uint8_t* const low_;
  const size_t row_count_;
  const size_t bytes_;
  size_t joined_from_ = SIZE_MAX;
  alignas(64) uint8_t tiles_[kRowsTogether * kDimensionsTogether];
};

/** Writes the sums of a tile, which has a row for each row, to where a query has a row. */
inline void store_turned(const int32_t* tile, size_t row_count, size_t query_count, int32_t* out, size_t out_stride) {
  __m512i a[16];
  __m512i b[16];
  for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_si512(tile + i * 16);
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  // a[4 * g + c] has column 4 * l + c of the rows 4 * g ... 4 * g + 3 in its quarter l.
  for (int c = 0; c < 4; ++c) {
    b[c] = _mm512_shuffle_i32x4(a[c], a[4 + c], 0x88);
    b[4 + c] = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0x88);
    b[8 + c] = _mm512_shuffle_i32x4(a[c], a[4 + c], 0xdd);
    b[12 + c] = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0xdd);
  }
  for (int c = 0; c < 4; ++c) {
    a[c] = _mm512_shuffle_i32x4(b[c], b[4 + c], 0x88);
    a[4 + c] = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0x88);
    a[8 + c] = _mm512_shuffle_i32x4(b[c], b[4 + c], 0xdd);
    a[12 + c] = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0xdd);
  }
  const auto rows = static_cast<__mmask16>((1u << row_count) - 1);
  for (size_t q = 0; q < 16; ++q)
    if (q < query_count) _mm512_mask_storeu_epi32(out + q * out_stride, rows, a[q]);
}

/** The sums of rows for up to 16 queries, or, with kIsWide, up to 32. */
template <bool kIsWide>
inline void sums_of(const int8_t* queries, size_t query_count, JoinedRows& joined, int32_t* out, size_t out_stride) {
  const size_t row_count = joined.row_count();
  const size_t bytes = joined.bytes();
  const int8_t* const more_queries = queries + kTileRows * 2 * bytes;
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kIsWide) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (size_t from = 0; from < bytes; from += kDimensionsTogether / 2) {
    const size_t stop = from + kDimensionsTogether / 2 < bytes ? from + kDimensionsTogether / 2 : bytes;
    const uint8_t* rows = joined.tiles(from, stop);
    for (size_t i = 2 * from; i < 2 * stop; i += kTileDimensions, rows += 2 * kTileBytes) {
      joined.ahead.step();
      _tile_loadd(4, rows, kTileDimensions);
      _tile_loadd(5, rows + kTileBytes, kTileDimensions);
      _tile_loadd(6, queries + i * kTileRows, kTileDimensions);
      _tile_dpbusd(0, 4, 6);
      _tile_dpbusd(1, 5, 6);
      if constexpr (kIsWide) {
        _tile_loadd(7, more_queries + i * kTileRows, kTileDimensions);
        _tile_dpbusd(2, 4, 7);
        _tile_dpbusd(3, 5, 7);
      }
    }
    finish_stores();
  }
  alignas(64) int32_t sums[4][kTileRows * kTileRows];
  constexpr size_t kSumsStride = kTileRows * sizeof(int32_t);
  _tile_stored(0, sums[0], kSumsStride);
  _tile_stored(1, sums[1], kSumsStride);
  if constexpr (kIsWide) {
    _tile_stored(2, sums[2], kSumsStride);
    _tile_stored(3, sums[3], kSumsStride);
  }
  for (size_t part = 0; part < (kIsWide ? 2 : 1); ++part) {
    const size_t q = part * kTileRows;
    const size_t count = query_count - q < kTileRows ? query_count - q : kTileRows;
    int32_t* const to = out + q * out_stride;
    store_turned(sums[2 * part], row_count < kTileRows ? row_count : kTileRows, count, to, out_stride);
    if (row_count > kTileRows) store_turned(sums[2 * part + 1], row_count - kTileRows, count, to + kTileRows, out_stride);
  }
}

}  // namespace

void lay_out_queries_amx(const int8_t* parts, size_t query_count, size_t dimensions, int8_t* laid_out) noexcept {
  constexpr size_t kQuad = 4;  // dimensions of a query that lie together
  if (query_count == 0) return;  // without memory for any
  const size_t room = (query_count + kTileRows - 1) / kTileRows * kTileRows;
  std::memset(laid_out, 0, room * dimensions);
  for (size_t q = 0; q < query_count; ++q) {
    int8_t* const to = laid_out + q / kTileRows * kTileRows * dimensions + q % kTileRows * kQuad;
    for (size_t i = 0; i < dimensions; i += kQuad) std::memcpy(to + i * kTileRows, parts + q * dimensions + i, kQuad);
  }
}

void code_laid_out_sums_amx(const int8_t* laid_out, size_t query_count, const uint8_t* high, const uint8_t* low,
                            size_t row_count, size_t bytes, int32_t* out, size_t out_stride) noexcept {
  const TileConfiguration configuration;
  for (size_t row = 0; row < row_count; row += kRowsTogether) {
    const size_t rows_left = row_count - row < kRowsTogether ? row_count - row : kRowsTogether;
    JoinedRows joined(high + row * bytes, low + row * bytes, rows_left, bytes,
                      (query_count + kQueriesTogether - 1) / kQueriesTogether);
    for (size_t q = 0; q < query_count; q += kQueriesTogether) {
      const size_t queries_left = query_count - q < kQueriesTogether ? query_count - q : kQueriesTogether;
      const auto sums = queries_left > kTileRows ? sums_of<true> : sums_of<false>;
      sums(laid_out + q * 2 * bytes, queries_left, joined, out + q * out_stride + row, out_stride);
    }
  }
}

}  // namespace gearshift
