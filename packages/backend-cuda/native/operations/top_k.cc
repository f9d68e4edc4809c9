#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "operations/certified_selection.h"
#include "operations/list_selection.h"
#include "operations/radix_selection.h"
#include "operations/transfer.h"

namespace gearshift::cuda {
namespace {

/** As score_of in kernels/kernel.cuh. */
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

/** Of a row in the range. */
bool is_considered(const Scan& scan, size_t row) noexcept {
  const size_t bit = scan.first_bit() + row - scan.start;
  return scan.words == nullptr || (scan.words[bit / 32] >> bit % 32 & 1) != 0;
}

/** Writes keys, best first, as rows and scores. */
Outcome decode(const Scan& scan, const uint64_t* keys, size_t count, uint32_t* indices, float* scores) noexcept {
  const bool smaller_is_better = scan.metric == Metric::euclidean;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t row = ~static_cast<uint32_t>(keys[i]);
    const bool is_row = scan.candidates != nullptr || (row >= scan.start && row < scan.end && is_considered(scan, row));
    const bool is_ordered = i == 0 || keys[i] < keys[i - 1];
    if (keys[i] == 0 || !is_row || !is_ordered) return {Failure::invalid_result, CUDA_SUCCESS, "top_k"};
    indices[i] = row;
    scores[i] = score_of(keys[i], smaller_is_better);
  }
  return {};
}

/** Keys of the queries on the device, best first, by whichever selection suits. */
class Ranking {
 public:
  Ranking(Run& run, const Scan& scan, ScanLauncher& launcher, size_t k) noexcept
      : run_(run), scan_(scan), launcher_(launcher), k_(k) {}

  /** Room for the keys of so many queries. */
  bool allocate(size_t queries) noexcept {
    keys_.reset(new (std::nothrow) uint64_t[queries * k_]);
    certain_.reset(new (std::nothrow) uint32_t[queries]);
    return keys_ != nullptr && certain_ != nullptr;
  }
  const uint64_t* keys(size_t query) const noexcept { return keys_.get() + query * k_; }

  Outcome run() noexcept {
    const size_t queries = launcher_.loaded_queries();
    if (k_ > kSelectMostK) return run_large(queries);
    const auto form = CertifiedSelection::choose(run_.device(), scan_, k_);
    if (!form.has_value()) return run_lists(0, queries);
    CertifiedSelection certified(run_, scan_, launcher_, *form, k_);
    const Outcome outcome = certified.run(keys_.get(), certain_.get());
    if (outcome.failure == Failure::out_of_memory) {
      // It takes more memory than float32 does. What was under way may still use the lane.
      run_.lane.drain();
      return run_lists(0, queries);
    }
    if (!outcome.ok()) return outcome;
    for (size_t first = 0, end = 0; first < queries; first = end) {
      end = first + 1;
      while (end < queries && certain_[end] == certain_[first]) ++end;
      if (certain_[first] == 1) continue;
      if (auto redone = run_lists(first, end - first); !redone.ok()) return redone;
    }
    return {};
  }

 private:
  Outcome run_lists(size_t first, size_t count) noexcept {
    ListSelection selection(run_, scan_, launcher_, launcher_, k_);
    if (auto outcome = selection.run(first, count); !outcome.ok()) return outcome;
    return download_all(run_, keys_.get() + first * k_, selection.best(), count * k_ * sizeof(uint64_t));
  }

  Outcome run_large(size_t queries) noexcept {
    for (size_t query = 0; query < queries; ++query) {
      RadixSelection selection(run_, scan_, launcher_, k_);
      uint64_t* const own = keys_.get() + query * k_;
      Outcome outcome = selection.run_query(query);
      if (outcome.ok()) outcome = download_all(run_, own, selection.keys(), k_ * sizeof(uint64_t));
      if (!outcome.ok()) return outcome;
      std::sort(own, own + k_, [](uint64_t a, uint64_t b) { return a > b; });
    }
    return {};
  }

  Run& run_;
  const Scan& scan_;
  ScanLauncher& launcher_;
  const size_t k_;
  std::unique_ptr<uint64_t[]> keys_;
  std::unique_ptr<uint32_t[]> certain_;
};

}  // namespace

Outcome top_k(Run& run, const Scan& scan, size_t k, uint32_t* indices, float* scores) noexcept {
  ScanLauncher launcher(run, scan);
  if (auto outcome = launcher.prepare(); !outcome.ok()) return outcome;
  // Keys of a batch are 8 bytes each: for a large k, one query at a time.
  const size_t batch = k <= kSelectMostK ? std::min(launcher.batch_queries(), scan.query_count) : 1;
  Ranking ranking(run, scan, launcher, k);
  if (!ranking.allocate(batch)) return {Failure::no_host_memory};
  for (size_t loaded = 0; loaded < scan.query_count; loaded += batch) {
    const size_t here = std::min(batch, scan.query_count - loaded);
    Outcome outcome = launcher.load_queries(loaded, here);
    if (outcome.ok()) outcome = ranking.run();
    for (size_t q = 0; outcome.ok() && q < here; ++q) {
      outcome = decode(scan, ranking.keys(q), k, indices + (loaded + q) * k, scores + (loaded + q) * k);
    }
    if (!outcome.ok()) return outcome;
  }
  return {};
}

}  // namespace gearshift::cuda
