#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "operations/scan_launcher.h"
#include "operations/transfer.h"

namespace gearshift::cuda {
namespace {

/** As key_of in kernels/kernel.cuh, the other way round. */
float score_of(uint64_t key, bool smaller_is_better) noexcept {
  uint32_t order = static_cast<uint32_t>(key >> 32);
  uint32_t bits = 0x7fc00000u;
  if (order != 0) {
    if (smaller_is_better) order = ~order;
    bits = (order & 0x80000000u) != 0 ? order & 0x7fffffffu : ~order;
  }
  float score;
  std::memcpy(&score, &bits, sizeof score);
  return score;
}

/** Writes keys, best first, as rows and scores. */
Outcome decode(const Scan& scan, const uint64_t* keys, size_t count, uint32_t* indices, float* scores) noexcept {
  const bool smaller_is_better = scan.metric == Metric::euclidean;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t row = ~static_cast<uint32_t>(keys[i]);
    const bool is_row = scan.candidates != nullptr || (row >= scan.start && row < scan.end);
    const bool is_ordered = i == 0 || keys[i] < keys[i - 1];
    if (keys[i] == 0 || !is_row || !is_ordered) return {Failure::invalid_result, CUDA_SUCCESS, "top_k"};
    indices[i] = row;
    scores[i] = score_of(keys[i], smaller_is_better);
  }
  return {};
}

unsigned blocks_for(size_t count, unsigned threads) noexcept {
  constexpr size_t kRounds = 4;  // less is not worth a list to merge
  const size_t blocks = (count + kRounds * threads - 1) / (kRounds * threads);
  return static_cast<unsigned>(std::clamp<size_t>(blocks, 1, kMostSelectBlocks));
}

/** For k up to kSelectMostK: parts of the scan are selected from as they are made, and merged. */
class ListSelection {
 public:
  ListSelection(Run& run, const Scan& scan, ScanLauncher& launcher, size_t k) noexcept
      : run_(run), scan_(scan), launcher_(launcher), k_(k) {}

  Outcome run_batch(size_t queries) noexcept {
    Lane& lane = run_.lane;
    Device& device = run_.device();
    const size_t list_bytes = kQueryGroup * kMostSelectBlocks * k_ * sizeof(uint64_t);
    best_ = list_bytes;
    Outcome outcome = lane.keys.reserve(device, list_bytes + queries * k_ * sizeof(uint64_t));
    if (outcome.ok()) outcome = lane.scratch.reserve(device, scratch_bytes());
    if (outcome.ok()) {
      outcome = GEARSHIFT_CU(device, cuMemsetD8Async, lane.keys.address() + best_, 0, queries * k_ * sizeof(uint64_t),
                             lane.stream());
    }
    for (size_t first = 0; outcome.ok() && first < queries; first += kQueryGroup) {
      const size_t group = std::min<size_t>(kQueryGroup, queries - first);
      for (size_t begin = 0, count = 0; outcome.ok() && begin < scan_.row_count(); begin += count) {
        if (run_.is_cancelled()) return {Failure::cancelled};
        count = std::min(launcher_.rows_per_launch(group), scan_.row_count() - begin);
        outcome = push({first, group, begin, count});
      }
    }
    for (size_t i = 0; outcome.ok() && i < Lane::kSlots; ++i) outcome = settle(next_ + i);
    return outcome;
  }

  CUdeviceptr best() const noexcept { return run_.lane.keys.address() + best_; }

 private:
  /** Scores of the largest part: the pace may rise under way. */
  size_t scratch_bytes() const noexcept {
    const size_t rows = (scan_.row_count() + kRowsPerScanBlock) * kQueryGroup;
    return std::min(rows * sizeof(float), Lane::kPieceBytes + kQueryGroup * kRowsPerScanBlock * sizeof(float));
  }

  Outcome push(const ScanPart& part) noexcept {
    const size_t index = next_++;
    if (auto outcome = settle(index); !outcome.ok()) return outcome;
    Lane& lane = run_.lane;
    Lane::Slot& slot = lane.slot(index);
    parts_[index % Lane::kSlots] = part;
    slot.is_under_way = true;
    Outcome outcome = lane.record(slot.begun);
    if (outcome.ok()) outcome = launcher_.launch(part, lane.scratch.address());
    if (outcome.ok()) outcome = select(part);
    if (outcome.ok()) outcome = lane.record(slot.computed);
    if (outcome.ok()) outcome = lane.record(slot.copied);
    return outcome;
  }

  Outcome select(const ScanPart& part) noexcept {
    const Kernels& kernels = run_.device().kernels();
    const unsigned blocks = blocks_for(part.count, kSelectThreads);
    const auto queries = static_cast<unsigned>(part.queries);
    CUdeviceptr scores = run_.lane.scratch.address();
    uint64_t count = part.count;
    uint32_t smaller_is_better = scan_.metric == Metric::euclidean;
    CUdeviceptr row_numbers = launcher_.row_numbers(part);
    uint32_t first_number = launcher_.first_number(part);
    auto k = static_cast<uint32_t>(k_);
    CUdeviceptr lists = run_.lane.keys.address();
    uint64_t list_length = uint64_t{blocks} * k_;
    void* selecting[] = {&scores, &count, &smaller_is_better, &row_numbers, &first_number, &k, &lists, &list_length};
    const Outcome outcome = run_.lane.launch(kernels.select_scores, blocks, queries, kSelectThreads, selecting);
    if (!outcome.ok()) return outcome;
    CUdeviceptr best = this->best() + part.first_query * k_ * sizeof(uint64_t);
    void* merging[] = {&lists, &list_length, &k, &best};
    return run_.lane.launch(kernels.merge_keys, queries, 1, kSelectThreads, merging);
  }

  Outcome settle(size_t index) noexcept {
    Lane::Slot& slot = run_.lane.slot(index);
    if (!slot.is_under_way) return {};
    if (auto outcome = run_.lane.wait(slot.copied); !outcome.ok()) return outcome;
    slot.is_under_way = false;
    const double before_ms = run_.phases.kernel_ms;
    if (auto outcome = run_.lane.measure(slot, &run_.phases); !outcome.ok()) return outcome;
    launcher_.learn(parts_[index % Lane::kSlots], run_.phases.kernel_ms - before_ms);
    return {};
  }

  Run& run_;
  const Scan& scan_;
  ScanLauncher& launcher_;
  const size_t k_;
  size_t best_ = 0;  // bytes before it
  size_t next_ = 0;
  ScanPart parts_[Lane::kSlots] = {};
};

/** For any k: all scores of a query, then radix selection. */
class RadixSelection {
 public:
  RadixSelection(Run& run, const Scan& scan, ScanLauncher& launcher, size_t k) noexcept
      : run_(run), scan_(scan), launcher_(launcher), k_(k) {}

  /** Leaves k keys of one query, in no order, at keys(). */
  Outcome run_query(size_t query) noexcept {
    Lane& lane = run_.lane;
    Device& device = run_.device();
    const size_t rows = scan_.row_count();
    Outcome outcome = lane.scratch.reserve(device, rows * sizeof(float));
    if (outcome.ok()) outcome = lane.keys.reserve(device, kStateBytes + k_ * sizeof(uint64_t));
    if (!outcome.ok()) return outcome;
    for (size_t begin = 0, count = 0; begin < rows; begin += count) {
      if (run_.is_cancelled()) return {Failure::cancelled};
      count = std::min(launcher_.rows_per_launch(1), rows - begin);
      outcome = timed({query, 1, begin, count}, [&](const ScanPart& part) {
        return launcher_.launch(part, lane.scratch.address() + begin * sizeof(float));
      });
      if (!outcome.ok()) return outcome;
    }
    return select();
  }

  CUdeviceptr keys() const noexcept { return run_.lane.keys.address() + kStateBytes; }

 private:
  /** Before the keys: the digits found, how many are left, how many were collected, the histogram. */
  static constexpr size_t kCollected = 2 * sizeof(uint64_t);
  static constexpr size_t kHistogram = 4 * sizeof(uint64_t);
  static constexpr size_t kStateBytes = kHistogram + kDigits * sizeof(uint32_t);

  template <typename Launch>
  Outcome timed(const ScanPart& part, const Launch& launch) noexcept {
    Lane& lane = run_.lane;
    Lane::Slot& slot = lane.slot(0);
    slot.is_under_way = true;
    Outcome outcome = lane.record(slot.begun);
    if (outcome.ok()) outcome = launch(part);
    if (outcome.ok()) outcome = lane.record(slot.computed);
    if (outcome.ok()) outcome = lane.record(slot.copied);
    if (outcome.ok()) outcome = lane.wait(slot.copied);
    if (!outcome.ok()) return outcome;
    slot.is_under_way = false;
    const double before_ms = run_.phases.kernel_ms;
    outcome = lane.measure(slot, &run_.phases);
    if (outcome.ok()) launcher_.learn(part, run_.phases.kernel_ms - before_ms);
    return outcome;
  }

  Outcome select() noexcept {
    Lane& lane = run_.lane;
    const Kernels& kernels = run_.device().kernels();
    const CUdeviceptr state = lane.keys.address();
    // Digits 0, k left, nothing collected, an empty histogram.
    uint64_t beginning[kStateBytes / sizeof(uint64_t)] = {0, k_};
    if (auto outcome = upload_all(run_, state, beginning, sizeof beginning); !outcome.ok()) return outcome;

    const ScanPart all{0, 1, 0, scan_.row_count()};
    const unsigned blocks = blocks_for(all.count, kDigitThreads);
    CUdeviceptr scores = lane.scratch.address();
    uint64_t count = all.count;
    uint32_t smaller_is_better = scan_.metric == Metric::euclidean;
    CUdeviceptr row_numbers = launcher_.row_numbers(all);
    uint32_t first_number = launcher_.first_number(all);
    CUdeviceptr prefix = state;
    CUdeviceptr collected = state + kCollected;
    CUdeviceptr histogram = state + kHistogram;
    CUdeviceptr found = keys();
    auto k = static_cast<uint32_t>(k_);
    Outcome outcome;
    for (uint32_t pass = 0; outcome.ok() && pass < 64 / kDigitBits; ++pass) {
      void* counting[] = {&scores, &count, &smaller_is_better, &row_numbers, &first_number, &pass, &prefix, &histogram};
      void* choosing[] = {&pass, &prefix, &histogram};
      outcome = lane.launch(kernels.count_digits, blocks, 1, kDigitThreads, counting);
      if (outcome.ok()) outcome = lane.launch(kernels.choose_digit, 1, 1, 1, choosing);
    }
    void* collecting[] = {&scores, &count, &smaller_is_better, &row_numbers, &first_number, &prefix, &k, &collected, &found};
    if (outcome.ok()) outcome = lane.launch(kernels.collect_keys, blocks, 1, kDigitThreads, collecting);
    return outcome;
  }

  Run& run_;
  const Scan& scan_;
  ScanLauncher& launcher_;
  const size_t k_;
};

}  // namespace

Outcome top_k(Run& run, const Scan& scan, size_t k, uint32_t* indices, float* scores) noexcept {
  ScanLauncher launcher(run, scan);
  if (auto outcome = launcher.prepare(); !outcome.ok()) return outcome;
  const size_t batch = launcher.batch_queries();
  const size_t keys_at_a_time = k <= kSelectMostK ? std::min(batch, scan.query_count) * k : k;
  const std::unique_ptr<uint64_t[]> keys(new (std::nothrow) uint64_t[keys_at_a_time]);
  if (keys == nullptr) return {Failure::no_host_memory};

  for (size_t loaded = 0; loaded < scan.query_count; loaded += batch) {
    const size_t here = std::min(batch, scan.query_count - loaded);
    if (auto outcome = launcher.load_queries(loaded, here); !outcome.ok()) return outcome;
    if (k <= kSelectMostK) {
      ListSelection selection(run, scan, launcher, k);
      Outcome outcome = selection.run_batch(here);
      if (outcome.ok()) outcome = download_all(run, keys.get(), selection.best(), here * k * sizeof(uint64_t));
      for (size_t q = 0; outcome.ok() && q < here; ++q) {
        outcome = decode(scan, keys.get() + q * k, k, indices + (loaded + q) * k, scores + (loaded + q) * k);
      }
      if (!outcome.ok()) return outcome;
      continue;
    }
    for (size_t q = 0; q < here; ++q) {
      RadixSelection selection(run, scan, launcher, k);
      Outcome outcome = selection.run_query(q);
      if (outcome.ok()) outcome = download_all(run, keys.get(), selection.keys(), k * sizeof(uint64_t));
      if (!outcome.ok()) return outcome;
      std::sort(keys.get(), keys.get() + k, [](uint64_t a, uint64_t b) { return a > b; });
      outcome = decode(scan, keys.get(), k, indices + (loaded + q) * k, scores + (loaded + q) * k);
      if (!outcome.ok()) return outcome;
    }
  }
  return {};
}

}  // namespace gearshift::cuda
