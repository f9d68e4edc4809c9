#include "kit/store/stored_rows.h"

#include <algorithm>
#include <cstring>

#include "kit/store/pages.h"
#include "kit/store/racing_access.h"
#include "kit/store/store_lock.h"

namespace gearshift::kit {
namespace {

/** A log that was larger than this gives its memory back once it is empty. */
constexpr size_t kKeptLogBytes = 1u << 20;

/** Slots name rows by 32 bits. */
constexpr uint64_t kMostRows = uint64_t{1} << 32;

Header read_header(const StoredRows& matrix, int32_t sequence) noexcept {
  Header header;
  const RacingAccess racing;  // another copy than the one that a reader may read
  std::memcpy(&header, matrix.control + kHeaders + (sequence >> 1 & 1) * (sizeof(Header) / 4), sizeof header);
  return header;
}

void write_header(const StoredRows& matrix, int32_t sequence, const Header& header) noexcept {
  const RacingAccess racing;  // a reader takes a header only if kCurrent is the same before and after
  std::memcpy(static_cast<void*>(matrix.control + kHeaders + (sequence >> 1 & 1) * (sizeof(Header) / 4)), &header,
              sizeof header);
}

/** A change of a matrix, from its lock to its end. */
class Change {
 public:
  explicit Change(const StoredRows& matrix) noexcept
      : matrix_(matrix), lock_(matrix.control[kLock]), before_(matrix.control[kCurrent].load()) {
    header_ = read_header(matrix, before_);
    // One version in 2^31 is skipped, because its sequence would mean "none".
    const bool is_skipped = before_ == -2;
    sequence_ = is_skipped ? 2 : static_cast<int32_t>(static_cast<uint32_t>(before_) + 2);
    header_.version += is_skipped ? 2 : 1;
    const auto slots = static_cast<uint32_t>(word(kSlots).load());
    const auto removals = static_cast<uint32_t>(word(kRemovals).load());
    const bool is_sound = header_.rows >= 0 && header_.rows <= static_cast<double>(matrix.rows.length / matrix.row_bytes) &&
                          header_.rows == static_cast<double>(row_count()) && slots <= slot_capacity() &&
                          removals <= matrix.removals.length / 2;
    if ((word(kFlags).load() & kGoneFlags) != 0) refusal_ = ChangeOutcome::gone;
    else if (!is_sound) refusal_ = ChangeOutcome::damaged;
  }

  /** Why nothing can be changed, or `done`. */
  ChangeOutcome refusal() const noexcept { return refusal_; }
  size_t row_count() const noexcept { return static_cast<size_t>(header_.rows); }
  Header& header() noexcept { return header_; }

  /** From here on readers check what they have read. False, and nothing is changed, if the matrix is gone by now. */
  bool begin() noexcept {
    word(kWriting).store(sequence_);
    // A compaction first sets its flag and then waits for the end of a change: one of the two sees the other.
    if ((word(kFlags).load() & kGoneFlags) != 0) {
      word(kWriting).store(before_);
      return false;
    }
    fence(std::memory_order_seq_cst);
    note_rows(0, 0);
    return true;
  }

  /** Publishes the version, and drops what no reader needs any more. */
  void end() noexcept {
    write_header(matrix_, sequence_, header_);
    word(kCurrent).store(sequence_);
    if (oldest_read(sequence_) == sequence_) empty_log();
  }

  int32_t sequence() const noexcept { return sequence_; }

  /** Whether there are that many slots to take, if need be after those are freed that no reader needs. */
  bool has_slots(size_t wanted) noexcept { return free_slots(wanted) >= wanted || (sweep() && free_slots(wanted) >= wanted); }

  /** Keeps the contents of a row that is to be replaced. There must be a slot. */
  void log_row(size_t row) noexcept {
    const uint32_t newest = matrix_.heads.data[row].load(std::memory_order_relaxed);
    const uint32_t number = take_slot();
    Slot& slot = slot_at(number);
    slot.row.store(static_cast<uint32_t>(row), std::memory_order_relaxed);
    slot.next.store(newest, std::memory_order_relaxed);
    std::memcpy(slot.contents(), row_at(row), matrix_.row_bytes);
    slot.sequence.store(sequence_, std::memory_order_release);
    matrix_.heads.data[row].store(number + 1, std::memory_order_release);
  }

  /** Notes which rows this version has changed or added. */
  void stamp(size_t start, size_t end) noexcept {
    note_rows(start, end);
    for (size_t row = start; row < end; ++row) matrix_.stamps.data[row].store(sequence_, std::memory_order_relaxed);
  }

  uint8_t* row_at(size_t row) const noexcept { return matrix_.rows.data + row * matrix_.row_bytes; }

 private:
  /** For readers of the next versions, which then need not read the stamps of all rows. */
  void note_rows(size_t start, size_t end) noexcept {
    AtomicInt* const change = matrix_.control + change_of(sequence_);
    // A reader who sees one of these sees in kWriting that a change is under way.
    change[kChangeStart].store(static_cast<int32_t>(static_cast<uint32_t>(start)), std::memory_order_release);
    change[kChangeEnd].store(static_cast<int32_t>(static_cast<uint32_t>(end)), std::memory_order_release);
    // With rows that do not fit in 32 bits the change is not noted: 0 is the sequence of no version.
    change[kChangeSequence].store(end < kMostRows ? sequence_ : 0, std::memory_order_release);
  }

  AtomicInt& word(ControlWord place) const noexcept { return matrix_.control[place]; }
  Slot& slot_at(uint32_t number) const noexcept {
    return *reinterpret_cast<Slot*>(matrix_.log.data + number * matrix_.slot_bytes());
  }
  size_t slot_capacity() const noexcept {
    return std::min<size_t>(matrix_.log.length / matrix_.slot_bytes(), INT32_MAX);
  }

  /** The oldest version that a reader has pinned, or `newest` if there is none. */
  int32_t oldest_read(int32_t newest) const noexcept {
    int32_t oldest = newest;
    for (size_t i = 0; i < kPinCount; ++i) {
      const int32_t pin = matrix_.control[kPins + 2 * i + 1].load();
      if (pin != 0 && is_later(oldest, pin - 1)) oldest = pin - 1;
    }
    return oldest;
  }

  size_t free_slots(size_t wanted) const noexcept {
    const auto slots = static_cast<uint32_t>(word(kSlots).load(std::memory_order_relaxed));
    size_t found = slot_capacity() - slots;
    auto link = static_cast<uint32_t>(word(kFree).load(std::memory_order_relaxed));
    for (; link != 0 && link <= slots && found < wanted; ++found) {
      link = slot_at(link - 1).next.load(std::memory_order_relaxed);
    }
    return found;
  }

  uint32_t take_slot() noexcept {
    const auto slots = static_cast<uint32_t>(word(kSlots).load(std::memory_order_relaxed));
    const auto link = static_cast<uint32_t>(word(kFree).load(std::memory_order_relaxed));
    if (link == 0 || link > slots) {
      word(kSlots).store(static_cast<int32_t>(slots + 1), std::memory_order_release);
      return slots;
    }
    const uint32_t next = slot_at(link - 1).next.load(std::memory_order_relaxed);
    word(kFree).store(static_cast<int32_t>(next), std::memory_order_relaxed);
    return link - 1;
  }

  /** Frees the slots that no reader needs. False when that was tried before with the same readers. */
  bool sweep() noexcept {
    const int32_t oldest = oldest_read(before_);
    if (word(kSwept).load(std::memory_order_relaxed) == oldest + 1) return false;
    word(kSwept).store(oldest + 1, std::memory_order_relaxed);
    const auto slots = static_cast<uint32_t>(word(kSlots).load(std::memory_order_relaxed));
    for (uint32_t number = 0; number < slots; ++number) {
      Slot& slot = slot_at(number);
      const int32_t change = slot.sequence.load(std::memory_order_relaxed);
      if (change == 0 || is_later(change, oldest)) continue;
      slot.sequence.store(0, std::memory_order_relaxed);
      slot.next.store(static_cast<uint32_t>(word(kFree).load(std::memory_order_relaxed)), std::memory_order_relaxed);
      word(kFree).store(static_cast<int32_t>(number + 1), std::memory_order_relaxed);
    }
    return true;
  }

  /** No reader needs an earlier version: frees all slots, and forgets in which order rows were removed. */
  void empty_log() noexcept {
    const auto slots = static_cast<uint32_t>(word(kSlots).load(std::memory_order_relaxed));
    const size_t used_bytes = slots * matrix_.slot_bytes();
    // Slots that are zero are free. The pages are given back in one call, the rest is written.
    const size_t dropped_bytes = used_bytes > kKeptLogBytes ? drop_whole_pages(matrix_.log.data, used_bytes) : 0;
    const auto first_kept = static_cast<uint32_t>(dropped_bytes / matrix_.slot_bytes());
    for (uint32_t number = first_kept; number < slots; ++number) slot_at(number).sequence.store(0, std::memory_order_relaxed);
    word(kSlots).store(0, std::memory_order_release);
    word(kFree).store(0, std::memory_order_relaxed);
    word(kRemovals).store(0, std::memory_order_release);
    word(kSwept).store(0, std::memory_order_relaxed);
  }

  const StoredRows& matrix_;
  const StoreLock lock_;
  const int32_t before_;
  int32_t sequence_;
  Header header_;  // of the version that is made
  ChangeOutcome refusal_ = ChangeOutcome::done;
};

}  // namespace

ChangeOutcome append_rows(const StoredRows& matrix, const void* rows, size_t count, const ByteCopier& copier,
                          size_t* first) noexcept {
  Change change(matrix);
  if (change.refusal() != ChangeOutcome::done) return change.refusal();
  const size_t before = change.row_count();
  *first = before;
  if (count == 0) return ChangeOutcome::done;
  if (count > matrix.rows.length / matrix.row_bytes - before) return ChangeOutcome::needs_room;
  const size_t after = before + count;
  if (after > matrix.stamps.length) return ChangeOutcome::needs_room;
  // Once there are heads, every row has one.
  if (matrix.heads.length > 0 && after > matrix.heads.length) return ChangeOutcome::needs_room;
  if (!change.begin()) return ChangeOutcome::gone;
  // No reader goes beyond the last row of its version.
  copier.copy(copier.context, change.row_at(before), rows, count * matrix.row_bytes);
  change.stamp(before, after);
  change.header().rows = static_cast<double>(after);
  change.end();
  return ChangeOutcome::done;
}

ChangeOutcome update_rows(const StoredRows& matrix, size_t start, const void* rows, size_t count,
                          const ByteCopier& copier) noexcept {
  Change change(matrix);
  if (change.refusal() != ChangeOutcome::done) return change.refusal();
  const size_t row_count = change.row_count();
  // Every row has a head once there is a slot: readers rely on it.
  if (start > row_count || count > row_count - start || start + count > kMostRows) return ChangeOutcome::out_of_range;
  if (count == 0) return ChangeOutcome::done;
  if (matrix.heads.length < row_count || matrix.stamps.length < row_count || !change.has_slots(count)) {
    return ChangeOutcome::needs_room;
  }
  if (!change.begin()) return ChangeOutcome::gone;
  for (size_t row = start; row < start + count; ++row) change.log_row(row);
  // Whoever reads new contents of a row sees what is kept of it, and that a change is under way.
  fence(std::memory_order_seq_cst);
  {
    const RacingAccess racing;
    copier.copy(copier.context, change.row_at(start), rows, count * matrix.row_bytes);
  }
  change.stamp(start, start + count);
  change.end();
  return ChangeOutcome::done;
}

ChangeOutcome remove_rows(const StoredRows& matrix, const uint32_t* rows, size_t count) noexcept {
  Change change(matrix);
  if (change.refusal() != ChangeOutcome::done) return change.refusal();
  const size_t row_count = change.row_count();
  for (size_t i = 0; i < count; ++i) {
    if (rows[i] >= row_count) return ChangeOutcome::out_of_range;
  }
  size_t entries = static_cast<uint32_t>(matrix.control[kRemovals].load(std::memory_order_relaxed));
  if (matrix.removed.length < (row_count + 31) / 32 || count > matrix.removals.length / 2 - entries) {
    return ChangeOutcome::needs_room;
  }
  if (!change.begin()) return ChangeOutcome::gone;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t row = rows[i];
    AtomicUint& word = matrix.removed.data[row / 32];
    const uint32_t bit = uint32_t{1} << row % 32;
    if ((word.load(std::memory_order_relaxed) & bit) != 0) continue;
    matrix.removals.data[2 * entries].store(change.sequence(), std::memory_order_relaxed);
    matrix.removals.data[2 * entries + 1].store(static_cast<int32_t>(row), std::memory_order_relaxed);
    ++entries;
    // A reader who sees the bit sees the entry.
    matrix.control[kRemovals].store(static_cast<int32_t>(entries), std::memory_order_release);
    word.fetch_or(bit, std::memory_order_release);
    change.header().removed_rows += 1;
  }
  change.end();
  return ChangeOutcome::done;
}

void clear_pin(AtomicInt* control, size_t index) noexcept {
  const size_t owner = index & ~size_t{1};
  control[owner + 1].store(0);
  control[owner].store(0);
}

}  // namespace gearshift::kit
