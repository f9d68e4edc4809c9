#pragma once

#include <cstddef>
#include <cstdint>

namespace gearshift::kit {

// What the system offers for the pages of memory. Elsewhere than on Linux nothing is gained by it.

/** Asks for huge pages before the memory is touched first: advice, which may be refused. */
void advise_huge_pages(void* data, size_t bytes) noexcept;

/**
 * The same for an array that is about to be written, if it is large: memory that the system has just given is made page by page, which can
 * take longer than what is written there. Memory that has its pages keeps them.
 */
inline void prepare_to_write(void* data, size_t bytes) noexcept {
  constexpr size_t kHugePageBytes = 2 << 20;
  if (bytes >= kHugePageBytes) advise_huge_pages(data, bytes);
}

/** Has the system begin to read the pages of a mapped file that these bytes are in: advice, which may be refused. */
void read_ahead(const void* data, size_t bytes) noexcept;

/**
 * Gives the whole pages of an anonymous mapping back, which then read as zeros.
 *
 * @return the number of bytes from the start that are surely zero now: 0 where the system cannot do it
 */
size_t drop_whole_pages(void* data, size_t bytes) noexcept;

/** Zeros; whole pages among the bytes are given back. For memory of any kind. */
void clear_pages(void* data, size_t bytes) noexcept;

/**
 * Replaces memory that begins on a page by fresh zeros, also where a file is mapped over it.
 *
 * @return 0, or the number of the system's error
 */
int replace_pages(void* data, size_t bytes) noexcept;

/**
 * Maps a part of a file over memory that begins on a page; changes of the memory do not reach the file.
 *
 * @return 0, or the number of the system's error
 */
int map_file(void* data, size_t bytes, int file_descriptor, int64_t offset) noexcept;

size_t page_bytes() noexcept;

}  // namespace gearshift::kit
