// Tests of the kit below the binding. Prints one line per test and exits with 1 when one failed.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "failing_allocations.h"
#include "kit/checked_math.h"
#include "kit/handle_table.h"
#include "kit/operand_registry.h"
#include "kit/owned_array.h"
#include "kit/sampled_rows.h"
#include "kit/text.h"

namespace {

using namespace gearshift::kit;
using gearshift::tests::fail_allocation;

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("  failed: %s\n", what);
  ++failures;
}

void run_test(const char* name, void (*test)()) {
  const int before = failures;
  test();
  fail_allocation(0, false);
  std::printf("%s %s\n", failures == before ? "ok    " : "FAILED", name);
}

/** An operand that counts what happens to it. */
struct Counted final : Operand {
  explicit Counted(const OperandKey& key) noexcept : Operand(key) { ++alive; }
  ~Counted() override { --alive; }
  void abandon_fill() noexcept override { ++abandoned; }

  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> abandoned{0};
};

constexpr OperandKey kKey{OperandKind::matrix, 7, 1, {2, 3}};

Ref<Counted> open(const OperandKey& key, Status* status = nullptr) {
  Status ignored;
  return OperandRegistry::open<Counted>(key, status == nullptr ? &ignored : status,
                                        [&] { return std::unique_ptr<Counted>(new (std::nothrow) Counted(key)); });
}

int thread_of_first;
int thread_of_second;
const Filler kFirst{&thread_of_first, 1};
const Filler kSecond{&thread_of_second, 1};

void arrays_report_lack_of_memory() {
  OwnedArray<int> array;
  check(array.allocate(0) && array.is_empty() && array.data() != nullptr, "an empty array has an address");
  check(!array.allocate(SIZE_MAX / sizeof(int)) && array.is_empty(), "more than there is address space for");
  const int values[] = {1, 2, 3};
  fail_allocation(1, false);
  check(!array.copy_from(values, 3) && array.is_empty() && array.data() == nullptr, "a copy that lacks memory is empty");
  check(array.copy_from(values, 3) && array[2] == 3, "the next copy succeeds");
  OwnedArray<int> moved(std::move(array));
  check(array.is_empty() && moved.length() == 3, "a move leaves nothing behind");
  array = std::move(moved);
  check(array.length() == 3 && array.end() - array.begin() == 3, "and back");
}

void arrays_grow_and_keep_their_elements() {
  OwnedArray<int> array;
  for (int i = 0; i < 100; ++i) check(array.push(i), "there is memory");
  fail_allocation(1, true);
  int pushed = 100;
  while (array.push(pushed)) ++pushed;
  check(static_cast<int>(array.length()) == pushed, "a push that lacks memory changes nothing");
  for (int i = 0; i < pushed; ++i) check(array[static_cast<size_t>(i)] == i, "elements are kept");
  fail_allocation(0, false);
  check(array.push(pushed), "it goes on when there is memory again");
}

void handles_name_one_object_only() {
  HandleTable<Counted> table;
  const int64_t first = table.add(open(kKey));
  check(first > 0 && table.find(first) != nullptr, "a handle names its object");
  for (const int64_t handle : {int64_t{0}, int64_t{-1}, first + 1, first | int64_t{1} << 50, INT64_MAX, INT64_MIN}) {
    check(table.find(handle) == nullptr && table.remove(handle) == nullptr, "another number names nothing");
  }
  table.remove(first);
  check(Counted::alive == 0, "the reference was dropped");
  const int64_t second = table.add(open(kKey));
  check(second != first && table.find(first) == nullptr, "the place has another number the next time");
  std::vector<int64_t> handles;
  for (int64_t id = 100; id < 400; ++id) handles.push_back(table.add(open({OperandKind::graph, id, 1, {1, 1}})));
  for (size_t i = 0; i < handles.size(); ++i) {
    check(table.find(handles[i])->key().id == 100 + static_cast<int64_t>(i), "a table that grew keeps its handles");
  }
  size_t visited = 0;
  table.clear([&](Counted&, int64_t handle) { visited += table.find(handle) != nullptr; });
  check(visited == 301 && Counted::alive == 0, "clearing visits and drops all");
}

void a_full_table_drops_what_it_cannot_take() {
  HandleTable<Counted> table;
  std::vector<int64_t> handles;
  for (int64_t id = 0; id < 64; ++id) handles.push_back(table.add(open({OperandKind::graph, id, 1, {1, 1}})));
  Ref<Counted> one_more = open(kKey);
  fail_allocation(1, true);
  check(table.add(one_more) == 0, "no memory, no handle");
  check(table.find(handles.back()) != nullptr, "what it had is kept");
  fail_allocation(0, false);
  check(table.add(std::move(one_more)) > 0, "with memory there is one");
  table.clear([](Counted&, int64_t) {});
  check(Counted::alive == 0, "nothing leaks");
}

void threads_share_one_copy() {
  Status status;
  const Ref<Counted> first = open(kKey, &status);
  const Ref<Counted> second = open(kKey, &status);
  check(first.get() == second.get() && Counted::alive == 1, "the same key is the same copy");
  OperandKey other = kKey;
  other.shape[0] = 3;
  check(open(other, &status) == nullptr && status == kShapeConflict, "another shape is a conflict");
  other = kKey;
  other.kind = OperandKind::graph;
  check(open(other, &status) == nullptr && status == kShapeConflict, "another kind is a conflict");
  for (const ElementFormat format : {ElementFormat{ElementType::float16, 1}, ElementFormat{ElementType::bfloat16, 1},
                                     ElementFormat{ElementType::int8, 1}, ElementFormat{ElementType::int8, 0.5f}}) {
    other = kKey;
    other.format = format;
    check(open(other, &status) == nullptr && status == kShapeConflict, "other elements are a conflict");
  }
  OperandKey scaled = kKey;
  scaled.id = 8;
  scaled.format = {ElementType::int8, 0.5f};
  const Ref<Counted> third = open(scaled, &status);
  other = scaled;
  check(open(other, &status).get() == third.get() && status == kDone, "the same scale is the same copy");
  other.format.scale = 0.25f;
  check(open(other, &status) == nullptr && status == kShapeConflict, "another scale is a conflict");
  for (int64_t OperandKey::* field : {&OperandKey::id, &OperandKey::version}) {
    other = kKey;
    other.*field += 2;
    check(open(other, &status).get() != first.get() && status == kDone, "another name is another copy");
  }
  other = kKey;
  other.device = 1;
  check(open(other).get() != first.get(), "another device has a copy of its own");
  OperandKey own = kKey;
  own.id = kPrivateId;
  const Ref<Counted> one = open(own);
  const Ref<Counted> two = open(own);
  check(one.get() != two.get(), "private copies are never shared");
}

void a_copy_that_cannot_be_made_is_not_found_later() {
  Status status;
  fail_allocation(1, false);
  check(open(kKey, &status) == nullptr && status == kDone && Counted::alive == 0, "there is none");
  check(open(kKey, &status) != nullptr, "the next one is made");
  check(Counted::alive == 0, "and freed with its last reference");
}

void one_handle_fills_at_a_time() {
  const Ref<Counted> copy = open(kKey);
  check(OperandRegistry::claim(*copy, kFirst) == FillState::ours, "the first that asks");
  check(OperandRegistry::claim(*copy, kSecond) == FillState::theirs, "not the second");
  Counted::abandoned = 0;
  OperandRegistry::give_up(*copy, kSecond);
  check(Counted::abandoned == 0 && OperandRegistry::claim(*copy, kFirst) == FillState::ours, "only its own");
  OperandRegistry::give_up(*copy, kFirst);
  check(Counted::abandoned == 1, "what was filled is forgotten");
  check(OperandRegistry::claim(*copy, kSecond) == FillState::ours, "then another one may");
  copy->mark_ready();
  check(OperandRegistry::claim(*copy, kFirst) == FillState::ready, "until it is ready");
  OperandRegistry::give_up(*copy, kSecond);
  check(Counted::abandoned == 1, "a ready copy keeps its contents");
}

void a_version_changes_for_the_only_user() {
  Ref<Counted> copy = open(kKey);
  if (copy == nullptr) return check(false, "there is memory");
  check(!OperandRegistry::change_version(*copy, 2, kFirst), "not before it is ready");
  copy->mark_ready();
  {
    const Ref<Counted> shared = copy;
    check(!OperandRegistry::change_version(*copy, 2, kFirst), "not while another one uses it");
  }
  OperandKey newer = kKey;
  newer.version = 2;
  {
    const Ref<Counted> other = open(newer);
    check(!OperandRegistry::change_version(*copy, 2, kFirst), "not to a version that is there");
  }
  check(OperandRegistry::change_version(*copy, 2, kFirst) && !copy->is_ready(), "else it does");
  check(open(newer).get() == copy.get() && open(kKey).get() != copy.get(), "it is found by its new name alone");
  check(OperandRegistry::claim(*copy, kSecond) == FillState::theirs, "and is the asker's to fill");
  copy = nullptr;
  check(Counted::alive == 0, "nothing is left");
}

void threads_open_and_release_at_a_time() {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < kRounds; ++i) {
        OperandKey key = kKey;
        key.id = i % 3;
        const Ref<Counted> copy = open(key);
        const Filler self{&key, t};
        if (OperandRegistry::claim(*copy, self) == FillState::ours && i % 2 == 0) copy->mark_ready();
        OperandRegistry::give_up(*copy, self);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  check(Counted::alive == 0, "all copies were freed");
}

void texts_are_cut_off() {
  const auto text = Text<8>::of("%s %d", "device", 12345);
  check(std::string(text.c_str()) == "device ", "seven characters and the end");
  check(std::string(Text<8>().c_str()).empty(), "a new text is empty");
}

void products_do_not_overflow() {
  size_t product = 0;
  check(multiply(3, 4, &product) && product == 12, "a small product");
  check(multiply(SIZE_MAX, 1, &product) && multiply(SIZE_MAX, 0, &product) && product == 0, "the largest factor");
  check(!multiply(SIZE_MAX / 2 + 1, 2, &product), "one too many");
}

void samples_are_spread_over_the_rows() {
  for (const size_t rows : {size_t{0}, size_t{1}, size_t{16}, size_t{17}, size_t{100000}}) {
    size_t visits = 0;
    size_t last = 0;
    visit_sampled_rows(rows, 100, [&](size_t row, size_t elements) {
      check(row < rows && elements == 64 && (visits == 0 || row > last), "rows in order, of bounded length");
      last = row;
      ++visits;
      return true;
    });
    check(visits == (rows < 16 ? rows : 16), "at most 16");
    check(rows < 2 || last >= rows - rows / 15 - 1, "up to the end");
  }
  size_t visits = 0;
  check(!visit_sampled_rows(5, 3, [&](size_t, size_t) { return ++visits < 2; }) && visits == 2, "stops where it may");
}

}  // namespace

int main() {
  run_test("arrays report lack of memory", arrays_report_lack_of_memory);
  run_test("arrays grow and keep their elements", arrays_grow_and_keep_their_elements);
  run_test("handles name one object only", handles_name_one_object_only);
  run_test("a full table drops what it cannot take", a_full_table_drops_what_it_cannot_take);
  run_test("threads share one copy", threads_share_one_copy);
  run_test("a copy that cannot be made is not found later", a_copy_that_cannot_be_made_is_not_found_later);
  run_test("one handle fills at a time", one_handle_fills_at_a_time);
  run_test("a version changes for the only user", a_version_changes_for_the_only_user);
  run_test("threads open and release at a time", threads_open_and_release_at_a_time);
  run_test("texts are cut off", texts_are_cut_off);
  run_test("products do not overflow", products_do_not_overflow);
  run_test("samples are spread over the rows", samples_are_spread_over_the_rows);
  return failures == 0 ? 0 : 1;
}
