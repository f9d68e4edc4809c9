// Stored matrices: the protocol of readers and writers step by step, then under threads with the kernels of this machine.
// Prints a line for each group; exits with 1 when one failed. Also run under the address and the thread sanitizer.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <initializer_list>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "check.h"
#include "core/certified_top_k.h"
#include "core/floating_point_mode.h"
#include "core/matrix.h"
#include "core/scan.h"
#include "dispatch/kernel_table.h"
#include "random_values.h"
#include "stored_memory.h"
#include "typed_elements.h"

namespace gearshift::tests {
namespace {

using kit::ChangeOutcome;

constexpr size_t kDimensions = 21;  // with a tail at every level; rows of int8 begin on any byte
constexpr ElementFormat kFloat32{};

constexpr size_t row_bytes_of(ElementFormat format) { return kDimensions * kit::element_bytes(format.type); }
constexpr size_t kRowBytes = row_bytes_of(kFloat32);

/** What a change writes to a row: other values, and another norm, in every version. */
TypedElements elements_of(ElementFormat format, size_t row, double version, size_t count = 1) {
  TypedElements elements(format);
  for (size_t r = row; r < row + count; ++r) {
    Random random(static_cast<uint64_t>(version) * 1'000'003 + r);
    for (size_t i = 0; i < kDimensions; ++i) elements.push(random_bits(format, random));
  }
  return elements;
}

std::vector<uint8_t> contents(size_t row, double version, size_t count = 1) {
  return elements_of(kFloat32, row, version, count).bytes;
}

/** What a reader gets who does as the kernels do. */
std::vector<uint8_t> read(StoredMemory& memory, int32_t sequence, size_t row) {
  std::vector<uint8_t> values(kRowBytes);
  {
    const kit::RacingAccess racing;
    std::memcpy(values.data(), memory.row(row), kRowBytes);
  }
  const kit::StoredVersion version = memory.version(sequence);
  if (version.is_intact()) return values;
  const void* const replaced = version.replaced_row(row);
  if (replaced != nullptr) std::memcpy(values.data(), replaced, kRowBytes);
  return values;
}

double version_of(StoredMemory& memory) {
  int32_t sequence;
  const double version = memory.pin(479, &sequence).version;
  memory.unpin(479);
  return version;
}

// --- Step by step ----------------------------------------------------------------------------------------------------

void readers_keep_their_version(Check& check) {
  for (const double first : {1.0, 0x1p30 - 4, 0x1p31 - 4}) {
    StoredMemory memory(kRowBytes, 100, 64, first);
    check.that(memory.append(contents(0, 0, 10)) == ChangeOutcome::done, "append");
    std::vector<int32_t> pinned;
    std::vector<std::vector<uint8_t>> expected;
    // A reader of each version, while a row changes again and again and a neighbour now and then.
    for (size_t round = 0; round < 8; ++round) {
      int32_t sequence;
      const kit::Header header = memory.pin(round, &sequence);
      check.that(sequence == sequence_of(header.version), "round %zu: version %g has another sequence", round, header.version);
      pinned.push_back(sequence);
      expected.push_back(read(memory, sequence, 3));
      check.that(memory.update(3, contents(3, static_cast<double>(round + 1), round % 3 == 0 ? 2 : 1)) == ChangeOutcome::done,
                 "round %zu: update", round);
      for (size_t i = 0; i <= round; ++i) {
        check.that(read(memory, pinned[i], 3) == expected[i], "after %zu changes version %zu has another row", round + 1, i);
        check.that(!memory.version(pinned[i]).is_intact(), "version %zu is not intact", i);
      }
    }
    // In any order.
    for (const size_t place : {3, 0, 7, 1}) memory.unpin(place);
    check.that(memory.update(3, contents(3, 77)) == ChangeOutcome::done, "update");
    for (const size_t i : {2, 4, 5, 6})
      check.that(read(memory, pinned[i], 3) == expected[i], "after some readers ended version %zu has another row", i);
    for (const size_t place : {2, 4, 5, 6}) memory.unpin(place);
    check.that(memory.update(5, contents(5, 78)) == ChangeOutcome::done, "update");
    check.that(memory.matrix().control[kit::kSlots] == 0, "the log is empty after the last reader");
  }
}

/** Looks at the matrix in the middle of a change, when a part of it is written. */
struct Spy {
  Check& check;
  StoredMemory& memory;
  int32_t sequence;
  std::vector<uint8_t> before[2];

  void look(const char* when) {
    check.that(!memory.version(sequence).is_intact(), "%s: the change is not announced", when);
    check.that(memory.matrix().control[kit::kCurrent] == sequence, "%s: the version is published", when);
    for (size_t i = 0; i < 2; ++i)
      check.that(read(memory, sequence, 4 + i) == before[i], "%s: row %zu is not the earlier one", when, 4 + i);
    check.that(read(memory, sequence, 1) == contents(1, 0), "%s: a row that does not change", when);
  }
};

void readers_see_nothing_of_a_change_under_way(Check& check) {
  StoredMemory memory(kRowBytes, 100, 64, 1);
  check.that(memory.append(contents(0, 0, 10)) == ChangeOutcome::done, "append");
  int32_t sequence;
  memory.pin(0, &sequence);
  Spy spy{check, memory, sequence, {contents(4, 0), contents(5, 0)}};
  const kit::ByteCopier copier{[](void* context, void* to, const void* from, size_t bytes) noexcept {
                                 auto* const seen = static_cast<Spy*>(context);
                                 seen->look("before a byte was written");
                                 std::memcpy(to, from, bytes / 2);
                                 seen->look("half way");
                                 std::memcpy(to, from, bytes);
                                 seen->look("after the last byte");
                               },
                               &spy};
  check.that(memory.update(4, contents(4, 9, 2), copier) == ChangeOutcome::done, "update");
  check.that(read(memory, sequence, 4) == contents(4, 0), "after the change");
  int32_t next;
  memory.pin(1, &next);
  check.that(read(memory, next, 4) == contents(4, 9) && read(memory, next, 5) == contents(5, 9), "the later version");
  memory.unpin(0);
  memory.unpin(1);
}

/** The rows that are noted for a version, or none. */
std::vector<size_t> noted(StoredMemory& memory, int32_t sequence) {
  const kit::AtomicInt* const change = memory.matrix().control + kit::change_of(sequence);
  if (change[kit::kChangeSequence] != sequence) return {};
  return {static_cast<uint32_t>(change[kit::kChangeStart].load()), static_cast<uint32_t>(change[kit::kChangeEnd].load())};
}

void the_rows_of_the_last_changes_are_noted(Check& check) {
  for (const double first : {1.0, 0x1p30 - 3, 0x1p31 - 3}) {
    StoredMemory memory(kRowBytes, 100, 64, first);
    const auto sequence = [&] { return memory.matrix().control[kit::kCurrent].load(); };
    check.that(memory.append(contents(0, 0, 10)) == ChangeOutcome::done, "append");
    const int32_t appended = sequence();
    check.that(noted(memory, appended) == std::vector<size_t>{0, 10}, "appended rows");
    for (size_t i = 1; i < kit::kRecentChanges - 1; ++i) {
      check.that(memory.update(i, contents(i, 1, 2)) == ChangeOutcome::done, "update");
      check.that(noted(memory, sequence()) == std::vector<size_t>{i, i + 2}, "updated rows");
    }
    const uint32_t removed[] = {3};
    check.that(kit::remove_rows(memory.matrix(), removed, 1) == ChangeOutcome::done, "remove");
    check.that(noted(memory, sequence()) == std::vector<size_t>{0, 0}, "a removal changes no rows");
    // Around the version that is skipped, two versions have the same place.
    if (first == 1) check.that(noted(memory, appended) == std::vector<size_t>{0, 10}, "ten changes are noted");
    check.that(memory.update(0, contents(0, 2)) == ChangeOutcome::done, "update");
    check.that(noted(memory, appended).empty(), "the eleventh replaces the first");
  }
}

void slots_are_used_again_but_not_while_they_are_read(Check& check) {
  StoredMemory memory(kRowBytes, 100, 8, 1);
  check.that(memory.append(contents(0, 0, 10)) == ChangeOutcome::done, "append");
  int32_t sequence;
  memory.pin(0, &sequence);
  size_t changes = 0;
  while (changes < 100 && memory.update(changes % 3, contents(changes % 3, static_cast<double>(changes + 1))) == ChangeOutcome::done) ++changes;
  check.that(changes == 8, "the log has room for 8 rows, but %zu changes were made", changes);
  const double version = version_of(memory);
  check.that(memory.update(1, contents(1, 50)) == ChangeOutcome::needs_room, "there is no room");
  check.that(memory.update(1, contents(1, 50, 2)) == ChangeOutcome::needs_room, "there is no room for two");
  check.that(version_of(memory) == version && memory.version(sequence_of(version)).is_intact(), "a refused change leaves nothing");
  for (size_t row = 0; row < 10; ++row) check.that(read(memory, sequence, row) == contents(row, 0), "row %zu of the first version", row);
  // A later reader needs the last slots alone.
  int32_t later;
  memory.pin(1, &later);
  const auto expected = read(memory, later, 2);
  memory.unpin(0);
  for (size_t i = 0; i < 7; ++i)
    check.that(memory.update(2, contents(2, static_cast<double>(60 + i))) == ChangeOutcome::done, "slot %zu is free again", i);
  check.that(read(memory, later, 2) == expected, "the row of the later reader");
  memory.unpin(1);
  for (size_t i = 0; i < 100; ++i)
    check.that(memory.update(i % 10, contents(i % 10, static_cast<double>(i))) == ChangeOutcome::done, "without readers there is always room");
}

void changes_are_refused_with_nothing_changed(Check& check) {
  StoredMemory memory(kRowBytes, 12, 4, 1);
  check.that(memory.append(contents(0, 0, 10)) == ChangeOutcome::done, "append");
  kit::StoredRows& matrix = memory.matrix();
  const double version = version_of(memory);
  const auto refuses = [&](ChangeOutcome outcome, ChangeOutcome expected, const char* what) {
    check.that(outcome == expected, "%s: outcome %d, not %d", what, static_cast<int>(outcome), static_cast<int>(expected));
    check.that(version_of(memory) == version, "%s: there is another version", what);
    check.that(matrix.control[kit::kWriting] == sequence_of(version) && matrix.control[kit::kLock] == 0, "%s: a change is under way", what);
  };
  refuses(memory.append(contents(0, 0, 3)), ChangeOutcome::needs_room, "no room for rows");
  refuses(memory.update(10, contents(0, 0)), ChangeOutcome::out_of_range, "a row behind the last");
  refuses(memory.update(9, contents(0, 0, 2)), ChangeOutcome::out_of_range, "two rows, one of them behind the last");
  refuses(memory.update(std::numeric_limits<size_t>::max(), contents(0, 0)), ChangeOutcome::out_of_range, "a row without end");
  refuses(memory.update(0, contents(0, 0, 5)), ChangeOutcome::needs_room, "more rows than slots");
  const uint32_t outside[] = {1, 10};
  refuses(kit::remove_rows(matrix, outside, 2), ChangeOutcome::out_of_range, "a row to remove");
  refuses(memory.update(3, {}), ChangeOutcome::done, "no rows to update");
  refuses(memory.append({}), ChangeOutcome::done, "no rows to append");
  const auto with = [&](auto& part, size_t length, ChangeOutcome outcome, const char* what) {
    std::swap(part.length, length);
    refuses(memory.update(0, contents(0, 0)), outcome, what);
    std::swap(part.length, length);
  };
  with(matrix.heads, 9, ChangeOutcome::needs_room, "a row without a head");
  with(matrix.stamps, 9, ChangeOutcome::needs_room, "a row without a stamp");
  with(matrix.rows, 9 * kRowBytes, ChangeOutcome::damaged, "fewer rows than the header says");
  const auto damaged = [&](size_t word, int32_t value, const char* what) {
    const int32_t before = matrix.control[word].exchange(value);
    refuses(memory.update(0, contents(0, 0)), ChangeOutcome::damaged, what);
    matrix.control[word] = before;
  };
  damaged(kit::kSlots, 5, "more slots than the log has");
  damaged(kit::kSlots, -1, "a negative number of slots");
  damaged(kit::kRemovals, 1000, "more removals than there is room for");
  // Links that lead nowhere, or in a circle, are not followed out of the log.
  matrix.control[kit::kFree] = 1000;
  check.that(memory.update(0, contents(0, 1)) == ChangeOutcome::done, "a free slot that is none");
  for (const int32_t flags : {1, 2, 3, 7}) {
    matrix.control[kit::kFlags] = flags;
    check.that(memory.append(contents(0, 0)) == ChangeOutcome::gone && memory.update(0, contents(0, 0)) == ChangeOutcome::gone &&
                   kit::remove_rows(matrix, outside, 1) == ChangeOutcome::gone,
               "flags %d", flags);
  }
}

void rows_are_removed_once(Check& check) {
  StoredMemory memory(kRowBytes, 100, 8, 1);
  check.that(memory.append(contents(0, 0, 70)) == ChangeOutcome::done, "append");
  kit::StoredRows& matrix = memory.matrix();
  int32_t sequence;
  memory.pin(0, &sequence);
  const uint32_t rows[] = {3, 69, 3, 32};
  check.that(kit::remove_rows(matrix, rows, 4) == ChangeOutcome::done, "remove");
  check.that(kit::remove_rows(matrix, rows, 2) == ChangeOutcome::done, "remove again");
  int32_t newest;
  check.that(memory.pin(1, &newest).removed_rows == 3, "three rows are removed");
  check.that(matrix.removed.data[0] == 8 && matrix.removed.data[1] == 1 && matrix.removed.data[2] == 32, "their bits are set");
  check.that(matrix.control[kit::kRemovals] == 3 && matrix.removals.data[0] == sequence + 2 && matrix.removals.data[3] == 69,
             "their order is kept for the reader");
  memory.unpin(0);
  memory.unpin(1);
  check.that(memory.update(0, contents(0, 1)) == ChangeOutcome::done && matrix.control[kit::kRemovals] == 0, "and then forgotten");
  check.that(memory.pin(0, &newest).removed_rows == 3, "but they stay removed");
  memory.unpin(0);
}

void rows_may_be_copies_of_each_other(Check& check) {
  for (const bool forward : {false, true}) {
    StoredMemory memory(kRowBytes, 100, 64, 1);
    check.that(memory.append(contents(0, 0, 10)) == ChangeOutcome::done, "append");
    const size_t from = forward ? 2 : 4;
    const size_t to = forward ? 4 : 2;
    check.that(kit::update_rows(memory.matrix(), to, memory.row(from), 5, plain_copier()) == ChangeOutcome::done, "update");
    for (size_t i = 0; i < 5; ++i) {
      const std::vector<uint8_t> row(memory.row(to + i), memory.row(to + i + 1));
      check.that(row == contents(from + i, 0), "row %zu is the earlier row %zu", to + i, from + i);
    }
  }
}

void a_large_log_gives_its_memory_back(Check& check) {
  constexpr size_t kRows = 20'000;  // 2.2 MB of slots
  StoredMemory memory(kRowBytes, kRows, kRows, 1);
  check.that(memory.append(contents(0, 0, kRows)) == ChangeOutcome::done, "append");
  for (double version = 1; version < 4; ++version) {
    check.that(memory.update(0, contents(0, version, kRows)) == ChangeOutcome::done, "update");
    check.that(memory.matrix().control[kit::kSlots] == 0, "the log is empty");
    size_t used = 0;
    for (size_t slot = 0; slot < kRows; ++slot) {
      const auto* at = reinterpret_cast<const kit::Slot*>(memory.matrix().log.data + slot * memory.matrix().slot_bytes());
      used += at->sequence != 0;
    }
    check.that(used == 0, "%zu slots are in use", used);
  }
}

void pins_are_cleared(Check& check) {
  StoredMemory memory(kRowBytes, 100, 64, 1);
  check.that(memory.append(contents(0, 0, 10)) == ChangeOutcome::done, "append");
  kit::AtomicInt* const control = memory.matrix().control;
  for (const size_t word : {0, 1}) {
    int32_t sequence;
    memory.pin(5, &sequence);
    control[kit::kPins + 10] = 4711;
    control[kit::kPins + 8] = 815;
    kit::clear_pin(control, kit::kPins + 10 + word);
    check.that(control[kit::kPins + 10] == 0 && control[kit::kPins + 11] == 0 && control[kit::kPins + 8] == 815, "both words, no others");
  }
}

// --- Under threads ---------------------------------------------------------------------------------------------------

/** The change that makes a version: which rows, and how many are appended. Everybody can work it out. */
struct PlannedChange {
  size_t start;
  size_t count;
  bool appends;
};

PlannedChange plan(double version, size_t row_count, size_t most_rows) {
  Random random(static_cast<uint64_t>(version) * 7919 + 3);
  const bool appends = row_count < most_rows && random.below(8) == 0;
  const size_t count = appends ? 1 : 1 + random.below(5);
  return {appends ? row_count : random.below(row_count - count), count, appends};
}

/** The rows of a version, replayed change by change: their values as float32. */
class Replay {
 public:
  Replay(ElementFormat format, double version, size_t rows)
      : format_(format), version_(version), values_(elements_of(format, 0, 0, rows).values) {}

  size_t row_count() const { return values_.size() / kDimensions; }
  const float* rows() const { return values_.data(); }
  double version() const { return version_; }

  void advance_to(double version, size_t most_rows) {
    while (version_ < version) {
      version_ = version_after(version_);
      const PlannedChange change = plan(version_, row_count(), most_rows);
      const std::vector<float> rows = elements_of(format_, change.start, version_, change.count).values;
      if (change.appends) values_.insert(values_.end(), rows.begin(), rows.end());
      else std::copy(rows.begin(), rows.end(), values_.begin() + static_cast<ptrdiff_t>(change.start * kDimensions));
    }
  }

 private:
  ElementFormat format_;
  double version_;
  std::vector<float> values_;
};

constexpr size_t kFirstRows = 600;  // more than two blocks
constexpr size_t kMostRows = 700;
constexpr size_t kOverlaps = 100;

/** Scans versions while they change, and compares everything with a replay; the number of differences. */
struct Reader {
  StoredMemory& memory;
  const KernelTable& kernels;
  ElementFormat format;
  size_t place;
  double first_version;
  const std::atomic<bool>& ended;
  std::atomic<size_t>& changed_meanwhile;
  size_t scans = 0;
  size_t differences = 0;

  void run() {
    const FlushSubnormals flush;
    Replay replay(format, first_version, kFirstRows);
    Random random(place + 1);
    for (bool is_last = false; !is_last;) {
      is_last = ended.load();
      int32_t sequence;
      const kit::Header header = memory.pin(place, &sequence);
      replay.advance_to(header.version, kMostRows);
      if (static_cast<size_t>(header.rows) != replay.row_count()) ++differences;
      else for (int round = 0; round < 3; ++round) compare(replay, sequence, random);
      if (!memory.version(sequence).is_intact()) ++changed_meanwhile;
      memory.unpin(place);
    }
  }

  void compare(const Replay& replay, int32_t sequence, Random& random) {
    const size_t rows = replay.row_count();
    const kit::StoredVersion version = memory.version(sequence);
    const std::vector<float> query = random.values(kDimensions);
    PreparedQuery prepared;
    auto norms = ResidentMatrix::allocate(rows, kDimensions, ResidentMatrix::Rows::in_place, format);
    auto expected_norms = ResidentMatrix::allocate(rows, kDimensions, ResidentMatrix::Rows::in_place);
    if (norms == nullptr || expected_norms == nullptr || !prepared.prepare(kernels, query.data(), kDimensions)) std::abort();
    norms->fill(kernels, memory.rows(), 0, rows, &version);
    expected_norms->fill(kernels, replay.rows(), 0, rows);
    const MatrixView expected = expected_norms->view_of_rows(replay.rows(), nullptr);
    const MatrixView with_norms = norms->view_of_rows(memory.rows(), &version);
    differences += std::memcmp(with_norms.inverse_norms, expected.inverse_norms, rows * sizeof(float)) != 0;
    const Metric metric = static_cast<Metric>(random.below(3));
    std::vector<float> wanted(rows);
    score_rows(kernels, metric, expected, prepared, 0, rows, wanted.data());
    std::vector<uint32_t> some;
    std::vector<float> wanted_of_some;
    for (size_t i = 0; i < 300; ++i) {
      some.push_back(static_cast<uint32_t>(random.below(rows)));
      wanted_of_some.push_back(wanted[some.back()]);
    }
    for (const MatrixView& view : {with_norms, view_of(memory.rows(), format, rows, kDimensions, &version)}) {
      std::vector<float> scores(rows);
      score_rows(kernels, metric, view, prepared, 0, rows, scores.data());
      differences += std::memcmp(scores.data(), wanted.data(), rows * sizeof(float)) != 0;
      std::vector<float> scores_of_some(some.size());
      score_candidates(kernels, metric, view, prepared, some.data(), some.size(), scores_of_some.data());
      differences += std::memcmp(scores_of_some.data(), wanted_of_some.data(), some.size() * sizeof(float)) != 0;
      differences += !ranks_alike(metric, view, expected, prepared);
    }
    ++scans;
  }

  bool ranks_alike(Metric metric, const MatrixView& view, const MatrixView& expected, const PreparedQuery& query) {
    constexpr size_t kBest = 17;
    uint32_t indices[2][kBest];
    float scores[2][kBest];
    const MatrixView* const both[] = {&view, &expected};
    for (size_t i = 0; i < 2; ++i) {
      TopKSelector best;
      if (!best.reset(kBest, metric)) std::abort();
      top_k_rows(kernels, metric, *both[i], query, 0, both[i]->row_count, best);
      best.finish(indices[i], scores[i]);
    }
    return std::memcmp(indices[0], indices[1], sizeof indices[0]) == 0 && std::memcmp(scores[0], scores[1], sizeof scores[0]) == 0;
  }
};

void every_answer_is_that_of_one_version(Check& check, const KernelTable& kernels, ElementFormat format,
                                         std::initializer_list<double> first_versions, size_t changes) {
  for (const double first : first_versions) {
    StoredMemory memory(row_bytes_of(format), kMostRows, 4096, first);
    check.that(memory.append(elements_of(format, 0, 0, kFirstRows).bytes) == ChangeOutcome::done, "append");
    const double begun = version_after(first);
    const size_t all_slots = memory.matrix().log.length;
    memory.matrix().log.length = memory.matrix().slot_bytes() * 8;  // grows, like the buffer that it is in
    std::atomic<bool> ended{false};
    std::atomic<size_t> changed_meanwhile{0};
    std::vector<Reader> readers;
    for (size_t i = 0; i < 3; ++i) readers.push_back({memory, kernels, format, i * 100, begun, ended, changed_meanwhile});
    std::vector<std::thread> threads;
    for (Reader& reader : readers) threads.emplace_back([&reader] { reader.run(); });

    kit::StoredRows matrix = memory.matrix();
    double version = begun;
    size_t row_count = kFirstRows;
    size_t waits = 0;
    // Until enough versions were read while they changed, however the threads get their turns.
    for (size_t i = 0; i < changes || (changed_meanwhile < kOverlaps && i < 500 * changes); ++i) {
      version = version_after(version);
      const PlannedChange change = plan(version, row_count, kMostRows);
      const std::vector<uint8_t> rows = elements_of(format, change.start, version, change.count).bytes;
      for (;;) {
        size_t at = 0;
        const ChangeOutcome outcome = change.appends
                                          ? kit::append_rows(matrix, rows.data(), 1, plain_copier(), &at)
                                          : kit::update_rows(matrix, change.start, rows.data(), change.count, plain_copier());
        if (outcome == ChangeOutcome::done) break;
        if (outcome != ChangeOutcome::needs_room) check.that(false, "version %g: outcome %d", version, static_cast<int>(outcome));
        if (matrix.log.length < all_slots) matrix.log.length = std::min(all_slots, matrix.log.length * 2);
        else if (++waits % 8 == 0) std::this_thread::yield();
      }
      row_count += change.appends;
      if (i % 64 == 0) std::this_thread::yield();
    }
    ended = true;
    for (std::thread& thread : threads) thread.join();
    for (const Reader& reader : readers) {
      check.that(reader.differences == 0, "from version %g: %zu answers in %zu scans are those of no version", first, reader.differences,
                 reader.scans);
    }
    check.that(changed_meanwhile >= kOverlaps, "only %zu versions changed while they were read", changed_meanwhile.load());
    check.that(version_of(memory) == version, "version %g, not %g", version_of(memory), version);
  }
}

void writers_exclude_each_other(Check& check) {
  constexpr size_t kWriters = 4;
  constexpr size_t kChanges = 400;
  StoredMemory memory(kRowBytes, kWriters * kChanges + 10, 64, 1);
  check.that(memory.append(contents(0, 0, 10)) == ChangeOutcome::done, "append");
  std::vector<std::thread> threads;
  for (size_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&memory, writer] {
      for (size_t i = 0; i < kChanges; ++i) {
        size_t first;
        const std::vector<uint8_t> row = contents(writer, static_cast<double>(i + 1));
        kit::append_rows(memory.matrix(), row.data(), 1, plain_copier(), &first);
        kit::update_rows(memory.matrix(), writer, row.data(), 1, plain_copier());
        const auto removed = static_cast<uint32_t>(first);
        kit::remove_rows(memory.matrix(), &removed, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int32_t sequence;
  const kit::Header header = memory.pin(0, &sequence);
  check.that(header.version == 2 + 3 * kWriters * kChanges, "version %g", header.version);
  check.that(header.rows == 10 + kWriters * kChanges && header.removed_rows == kWriters * kChanges, "%g rows", header.rows);
  std::vector<size_t> found(kWriters);
  for (size_t row = 10; row < static_cast<size_t>(header.rows); ++row) {
    const std::vector<uint8_t> values(memory.row(row), memory.row(row + 1));
    for (size_t writer = 0; writer < kWriters; ++writer)
      found[writer] += values == contents(writer, static_cast<double>(found[writer] + 1));
  }
  for (const size_t count : found) check.that(count == kChanges, "%zu rows of a writer are there in their order", count);
}

/** Codes are made step by step while other threads search, at first without them. */
void codes_are_made_beside_searches(Check& check, const KernelTable& kernels) {
  constexpr size_t kRows = 3000;
  constexpr size_t kRowsOfStep = 64;
  constexpr size_t kSearchers = 2;
  constexpr size_t kSearchesWithCodes = 20;
  constexpr size_t kBest = 10;
  Random random(29);
  const std::vector<float> values = random.values(kRows * kDimensions);
  const std::unique_ptr<ResidentMatrix> matrix = ResidentMatrix::allocate(kRows, kDimensions);
  if (!check.that(matrix != nullptr, "there is no memory")) return;
  matrix->fill(kernels, values.data(), 0, kRows);

  std::atomic<size_t> scans{0};
  std::atomic<size_t> wrong{0};
  std::vector<std::thread> searchers;
  for (size_t searcher = 0; searcher < kSearchers; ++searcher) {
    searchers.emplace_back([&, searcher] {
      const FlushSubnormals flush;
      PreparedQuery query;
      query.prepare(kernels, values.data() + searcher * kDimensions, kDimensions);
      uint32_t expected[kBest], found[kBest];
      float expected_scores[kBest], found_scores[kBest];
      TopKSelector best;
      const auto scan_all = [&](const MatrixView& view, uint32_t* indices, float* scores) {
        best.reset(kBest, Metric::cosine);
        top_k_rows(kernels, Metric::cosine, view, query, 0, kRows, best);
        best.finish(indices, scores);
        scans.fetch_add(1);
      };
      scan_all(matrix->view(), expected, expected_scores);
      for (size_t searched = 0; searched < kSearchesWithCodes;) {
        const MatrixView view = matrix->view();
        if (view.codes == nullptr) {
          scan_all(view, found, found_scores);
          continue;
        }
        best.reset(kBest, Metric::cosine);
        // On the stack it would need more than some systems give a thread with a sanitizer.
        AlignedMemory memory;
        CertifiedScan scan;
        ReachedScore reached;
        reached.start(Metric::cosine);
        const bool is_ready = memory.allocate(sizeof(CodeQuery)) && scan.reset(kBest);
        CodeQuery* const code = memory.as<CodeQuery>();
        if (!is_ready || !view.codes->prepare(query, code)) {
          wrong.fetch_add(1);
          break;
        }
        const CertifiedScan::Request request{kernels, Metric::cosine, view, *view.codes, query, *code, nullptr};
        scan.scan(request, 0, kRows, reached, best);
        scan.settle(request, reached, best);
        best.finish(found, found_scores);
        for (size_t i = 0; i < kBest; ++i) wrong.fetch_add(found[i] != expected[i] || !(found_scores[i] == expected_scores[i]));
        ++searched;
      }
    });
  }
  while (scans.load() < 2 * kSearchers) std::this_thread::yield();
  const MatrixView view = matrix->view();
  check.that(matrix->choose_codes(view), "there is no memory for codes");
  for (size_t start = 0; start < kRows; start += kRowsOfStep) {
    const size_t end = std::min(kRows, start + kRowsOfStep);
    const size_t middle = start + (end - start) / 2;
    std::thread other([&] { matrix->encode(kernels, view, middle, end); });
    matrix->encode(kernels, view, start, middle);
    other.join();
    matrix->publish_codes(end);
  }
  for (std::thread& searcher : searchers) searcher.join();
  check.that(wrong.load() == 0, "%zu rows are not those of the scan", wrong.load());
  check.that(matrix->has_codes(), "there are no codes");
}

}  // namespace

int run_all() {
  int failed = 0;
  const auto run = [&failed](const char* name, const auto& body) {
    Check check;
    body(check);
    const bool is_ok = check.failures() == 0 && check.checks() > 0;
    std::printf("%s %s (%zu checks, %zu failed)\n", is_ok ? "ok    " : "FAILED", name, check.checks(), check.failures());
    std::fflush(stdout);
    failed += !is_ok;
  };
  run("readers keep their version", readers_keep_their_version);
  run("readers see nothing of a change under way", readers_see_nothing_of_a_change_under_way);
  run("the rows of the last changes are noted", the_rows_of_the_last_changes_are_noted);
  run("slots are used again, but not while they are read", slots_are_used_again_but_not_while_they_are_read);
  run("changes are refused with nothing changed", changes_are_refused_with_nothing_changed);
  run("rows are removed once", rows_are_removed_once);
  run("rows may be copies of each other", rows_may_be_copies_of_each_other);
  run("a large log gives its memory back", a_large_log_gives_its_memory_back);
  run("pins are cleared", pins_are_cleared);
  const LevelList levels = all_levels();
  for (size_t i = 0; i < levels.count; ++i) {
    if (levels.levels[i].missing[0] != '\0') continue;
    char name[100];
    const KernelTable& kernels = *levels.levels[i].kernels;
    std::snprintf(name, sizeof name, "every answer is that of one version, level %s", kernels.name);
    run(name, [&](Check& check) {
      every_answer_is_that_of_one_version(check, kernels, kFloat32, {1.0, 0x1p30 - 500, 0x1p31 - 500}, 2000);
    });
    std::snprintf(name, sizeof name, "codes are made beside searches, level %s", kernels.name);
    run(name, [&](Check& check) { codes_are_made_beside_searches(check, kernels); });
    for (const ElementFormat format : {ElementFormat{ElementType::float16, 1}, ElementFormat{ElementType::bfloat16, 1}, ElementFormat{ElementType::int8, 0.0123f}}) {
      std::snprintf(name, sizeof name, "every answer is that of one version, %s, level %s", name_of(format), kernels.name);
      run(name, [&](Check& check) { every_answer_is_that_of_one_version(check, kernels, format, {1.0}, 500); });
    }
  }
  run("writers exclude each other", writers_exclude_each_other);
  return failed == 0 ? 0 : 1;
}

}  // namespace gearshift::tests

int main() { return gearshift::tests::run_all(); }
