#include "operations/radix_selection.h"

#include <algorithm>

#include "operations/list_selection.h"
#include "operations/transfer.h"

namespace gearshift::cuda {

Outcome RadixSelection::run_query(size_t query) noexcept {
  Lane& lane = run_.lane;
  Device& device = run_.device();
  const size_t rows = scan_.row_count();
  Outcome outcome = lane.scratch.reserve(device, rows * sizeof(float));
  if (outcome.ok()) outcome = lane.keys.reserve(device, kStateBytes + k_ * sizeof(uint64_t));
  for (size_t begin = 0, count = 0; outcome.ok() && begin < rows; begin += count) {
    if (run_.is_cancelled()) return {Failure::cancelled};
    count = std::min(launcher_.rows_per_launch(1), rows - begin);
    outcome = score({query, 1, begin, count});
  }
  return outcome.ok() ? select() : outcome;
}

Outcome RadixSelection::score(const ScanPart& part) noexcept {
  Lane& lane = run_.lane;
  Lane::Slot& slot = lane.slot(0);
  slot.is_under_way = true;
  Outcome outcome = lane.record(slot.begun);
  if (outcome.ok()) outcome = launcher_.launch(part, lane.scratch.address() + part.begin * sizeof(float));
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

Outcome RadixSelection::select() noexcept {
  Lane& lane = run_.lane;
  const Kernels& kernels = run_.device().kernels();
  const CUdeviceptr state = lane.keys.address();
  // Digits 0, k left, nothing collected, an empty histogram.
  uint64_t beginning[kStateBytes / sizeof(uint64_t)] = {0, k_};
  if (auto outcome = upload_all(run_, state, beginning, sizeof beginning); !outcome.ok()) return outcome;

  const ScanPart all{0, 1, 0, scan_.row_count()};
  const unsigned blocks = select_blocks(all.count, kDigitThreads);
  CUdeviceptr scores = lane.scratch.address();
  uint64_t count = all.count;
  uint32_t smaller_is_better = scan_.metric == Metric::euclidean;
  CUdeviceptr row_numbers = launcher_.row_numbers(all);
  uint32_t first_number = launcher_.first_number(all);
  CUdeviceptr words = launcher_.words();
  uint64_t first_bit = launcher_.first_bit(all);
  CUdeviceptr prefix = state;
  CUdeviceptr collected = state + kCollected;
  CUdeviceptr histogram = state + kHistogram;
  CUdeviceptr found = keys();
  auto k = static_cast<uint32_t>(k_);
  Outcome outcome;
  for (uint32_t pass = 0; outcome.ok() && pass < 64 / kDigitBits; ++pass) {
    void* counting[] = {&scores, &count,     &smaller_is_better, &row_numbers, &first_number,
                        &words,  &first_bit, &pass,              &prefix,      &histogram};
    void* choosing[] = {&pass, &prefix, &histogram};
    outcome = lane.launch(kernels.count_digits, blocks, 1, kDigitThreads, counting);
    if (outcome.ok()) outcome = lane.launch(kernels.choose_digit, 1, 1, 1, choosing);
  }
  void* collecting[] = {&scores,    &count,  &smaller_is_better, &row_numbers, &first_number, &words,
                        &first_bit, &prefix, &k,                 &collected,   &found};
  if (outcome.ok()) outcome = lane.launch(kernels.collect_keys, blocks, 1, kDigitThreads, collecting);
  return outcome;
}

}  // namespace gearshift::cuda
