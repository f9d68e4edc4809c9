#pragma once

#include <cstddef>
#include <cstdint>

#include "kit/store/layout.h"

namespace gearshift::kit {

/** A part of the memory of a stored matrix, as long as it is now. */
template <typename T>
struct StorePart {
  T* data;
  size_t length;
};

/** The memory of a stored matrix, borrowed. */
struct StoredRows {
  AtomicInt* control;  // kControlWords
  StorePart<uint8_t> rows;
  StorePart<AtomicInt> stamps;
  StorePart<AtomicUint> heads;
  StorePart<uint8_t> log;
  StorePart<AtomicUint> removed;
  StorePart<AtomicInt> removals;
  size_t row_bytes;

  size_t slot_bytes() const noexcept { return slot_bytes_of(row_bytes); }
};

/** The same numbers as NATIVE_ROWS_STATUS of the contracts, but for the last. Nothing was changed unless it is `done`. */
enum class ChangeOutcome : int {
  done = 0,
  needs_room = -1,
  gone = -2,
  out_of_range = -3,
  damaged = -4,  // the control array has contents that no writer leaves
};

/** Copies bytes, for large amounts with the help of other threads. */
struct ByteCopier {
  void (*copy)(void* context, void* to, const void* from, size_t bytes) noexcept;
  void* context;
};

// Each change takes the lock of the matrix for as long as it runs, and makes a version of its own.

/** Adds `count` rows behind the last one; `first` is the number of the first of them. */
ChangeOutcome append_rows(const StoredRows& matrix, const void* rows, size_t count, const ByteCopier& copier,
                          size_t* first) noexcept;
/** Replaces the rows [start, start + count), which may be given as rows of the matrix itself. */
ChangeOutcome update_rows(const StoredRows& matrix, size_t start, const void* rows, size_t count,
                          const ByteCopier& copier) noexcept;
/** Removes rows; those that are removed already stay so. */
ChangeOutcome remove_rows(const StoredRows& matrix, const uint32_t* rows, size_t count) noexcept;

/** Ends a pin from native code, such as that of a thread that was terminated. `index` is that of either word of the pair. */
void clear_pin(AtomicInt* control, size_t index) noexcept;

}  // namespace gearshift::kit
