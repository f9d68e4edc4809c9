#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gearshift::kit {

// The memory of a stored matrix, shared by all threads; docs/stored-matrices.md describes the parts and the protocol. Rows
// change in place while others read them: a writer keeps what it replaces in a log, and a reader checks after reading.

static_assert(sizeof(std::atomic<int32_t>) == 4 && sizeof(std::atomic<uint32_t>) == 4, "JavaScript sees plain integers");

using AtomicInt = std::atomic<int32_t>;
using AtomicUint = std::atomic<uint32_t>;

/** Places in the control array. */
enum ControlWord : size_t {
  kWriting = 0,   // sequence of the change under way, or of the last one
  kCurrent = 1,   // sequence of the newest complete version
  kLock = 2,      // 1 while native code changes the matrix
  kFlags = 3,
  kFree = 4,      // 1 + the first free slot, 0: none
  kSlots = 5,     // slots in use since the log was empty
  kRemovals = 6,  // entries of `removals`
  kCodes = 7,     // 1: the codes of a file are in use, or were changed; of native code alone
  kHeaders = 8,   // two copies of a Header
  kBase = 24,     // version with which this memory began, as a double
  kSwept = 32,    // 1 + the oldest sequence that was read when the log was swept last; of native code alone
  kChanges = 33,  // ten of a RecentChange
  kPins = 64,     // { owner, pin } pairs
};
constexpr size_t kControlWords = 1024;
constexpr size_t kPinCount = (kControlWords - kPins) / 2;

/** Fields of a RecentChange: which rows a version has changed or added. That of a version is at (its sequence / 2) % 10. */
enum RecentChange : size_t { kChangeSequence = 0, kChangeStart = 1, kChangeEnd = 2, kChangeWords = 3 };
constexpr size_t kRecentChanges = 10;

constexpr size_t change_of(int32_t sequence) noexcept {
  return kChanges + static_cast<uint32_t>(sequence) / 2 % kRecentChanges * kChangeWords;
}
static_assert(kChanges + kRecentChanges * kChangeWords <= kPins, "before the pins");

/** In kFlags: the rows are elsewhere now, or nowhere. */
constexpr int32_t kGoneFlags = 3;
/** In kFlags: rows are pages of a file, which the system reads when they are used and may drop. */
constexpr int32_t kMappedFlag = 32;

/** One of the two copies in the control array; that of a version is at (sequence / 2) % 2. */
struct Header {
  double version;
  double rows;
  double removed_rows;
  double unused;
};
static_assert(sizeof(Header) == 32, "eight words of the control array");

/** What was in a row before a change. The old contents lie behind it. */
struct Slot {
  AtomicInt sequence;  // of the change; 0: the slot is free
  AtomicUint row;
  AtomicUint next;  // 1 + the next older slot of the row, or the next free slot; 0: none
  uint32_t unused;

  const void* contents() const noexcept { return this + 1; }
  void* contents() noexcept { return this + 1; }
};
static_assert(sizeof(Slot) == 16, "as docs/stored-matrices.md says");

constexpr size_t slot_bytes_of(size_t row_bytes) noexcept { return sizeof(Slot) + (row_bytes + 15) / 16 * 16; }

/** Sequences wrap: what counts is which of two is ahead. */
constexpr bool is_later(int32_t a, int32_t b) noexcept {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b)) > 0;
}

}  // namespace gearshift::kit
