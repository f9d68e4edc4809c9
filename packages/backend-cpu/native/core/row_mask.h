#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace gearshift {

// A mask has a bit for each row: row r is considered when bit r % 32 of words[r / 32] is 1. It covers every row of the scan.

inline constexpr size_t kMaskBits = 32;

inline size_t mask_words(size_t rows) noexcept { return rows / kMaskBits + (rows % kMaskBits != 0); }

inline size_t count_bits(uint32_t word) noexcept {
  const uint32_t pairs = word - (word >> 1 & 0x5555'5555u);
  const uint32_t fours = (pairs & 0x3333'3333u) + (pairs >> 2 & 0x3333'3333u);
  return ((fours + (fours >> 4)) & 0x0f0f'0f0fu) * 0x0101'0101u >> 24;
}

/** The bits of word `word` for rows in [start, end), which it has at least one of. */
inline uint32_t mask_bits(const uint32_t* words, size_t word, size_t start, size_t end) noexcept {
  const size_t first = word * kMaskBits;
  uint32_t bits = words[word];
  if (start > first) bits &= UINT32_MAX << (start - first);
  if (end - first < kMaskBits) bits &= (uint32_t{1} << (end - first)) - 1;
  return bits;
}

/** The considered rows in [start, end). */
inline size_t count_rows(const uint32_t* words, size_t start, size_t end) noexcept {
  size_t count = 0;
  if (start < end) {
    for (size_t word = start / kMaskBits; word <= (end - 1) / kMaskBits; ++word)
      count += count_bits(mask_bits(words, word, start, end));
  }
  return count;
}

/** Writes the numbers of the rows in `bits` of word `word` to `rows`; returns how many. */
inline size_t list_rows(uint32_t bits, size_t word, uint32_t* rows) noexcept {
  const uint32_t first = static_cast<uint32_t>(word * kMaskBits);
  size_t count = 0;
  // The lowest bit is the count of the bits below it.
  for (; bits != 0; bits &= bits - 1) rows[count++] = first + static_cast<uint32_t>(count_bits((bits & (0 - bits)) - 1));
  return count;
}

/**
 * Splits the considered rows in [start, end) into what is scanned together, ascending: `run(first, last)` for the rows of
 * words that are all ones, `some(rows, count)` for at most `kMost` other rows by number. Words without a bit cost one look.
 */
template <size_t kMost, class Run, class Some>
void for_each_considered(const uint32_t* words, size_t start, size_t end, const Run& run, const Some& some) noexcept {
  static_assert(kMost >= 2 * kMaskBits, "there must be room for the rows of a word");
  if (start >= end) return;
  uint32_t rows[kMost];
  size_t count = 0;
  const size_t last_word = (end - 1) / kMaskBits;
  size_t word = start / kMaskBits;
  while (word <= last_word) {
    const uint32_t bits = mask_bits(words, word, start, end);
    if (bits == UINT32_MAX) {
      const size_t first = word;
      while (word <= last_word && mask_bits(words, word, start, end) == UINT32_MAX) ++word;
      if (count > 0) some(rows, count);
      count = 0;
      run(first * kMaskBits, word * kMaskBits);
      continue;
    }
    if (bits != 0) {
      count += list_rows(bits, word, rows + count);
      if (count > kMost - kMaskBits) {
        some(rows, count);
        count = 0;
      }
    }
    ++word;
  }
  if (count > 0) some(rows, count);
}

}  // namespace gearshift
