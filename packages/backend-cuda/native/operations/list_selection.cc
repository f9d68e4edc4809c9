#include "operations/list_selection.h"

#include <algorithm>

namespace gearshift::cuda {

unsigned select_blocks(size_t count, unsigned threads) noexcept {
  constexpr size_t kRounds = 4;  // less is not worth a list to merge
  const size_t blocks = (count + kRounds * threads - 1) / (kRounds * threads);
  return static_cast<unsigned>(std::clamp<size_t>(blocks, 1, kMostSelectBlocks));
}

Outcome ListSelection::run(size_t first, size_t count) noexcept {
  Lane& lane = run_.lane;
  Device& device = run_.device();
  const size_t rows = scan_.row_count();
  const size_t group = std::min(source_.group_queries(), count);
  const size_t keys_bytes = count * k_ * sizeof(uint64_t);
  // For the largest part there may be: the pace may rise under way. One row per launch is one block of rows.
  const size_t most_rows = std::min(source_.most_rows_per_launch(group), rows);
  Outcome outcome = lane.keys.reserve(device, lists_bytes() + keys_bytes);
  if (outcome.ok()) outcome = lane.scratch.reserve(device, most_rows * group * sizeof(float));
  if (outcome.ok()) outcome = GEARSHIFT_CU(device, cuMemsetD8Async, best(), 0, keys_bytes, lane.stream());
  for (size_t done = 0; outcome.ok() && done < count; done += group) {
    const size_t queries = std::min(group, count - done);
    for (size_t begin = 0, part_rows = 0; outcome.ok() && begin < rows; begin += part_rows) {
      if (run_.is_cancelled()) return {Failure::cancelled};
      part_rows = std::min({source_.rows_per_launch(queries), most_rows, rows - begin});
      outcome = push({first + done, queries, begin, part_rows}, best() + done * k_ * sizeof(uint64_t));
    }
  }
  for (size_t i = 0; outcome.ok() && i < Lane::kSlots; ++i) outcome = settle(next_ + i);
  return outcome;
}

Outcome ListSelection::push(const ScanPart& part, CUdeviceptr best) noexcept {
  const size_t index = next_++;
  if (auto outcome = settle(index); !outcome.ok()) return outcome;
  Lane& lane = run_.lane;
  Lane::Slot& slot = lane.slot(index);
  parts_[index % Lane::kSlots] = part;
  slot.is_under_way = true;
  Outcome outcome = lane.record(slot.begun);
  if (outcome.ok()) outcome = source_.launch(part, lane.scratch.address());
  if (outcome.ok()) outcome = select(part, best);
  if (outcome.ok()) outcome = lane.record(slot.computed);
  if (outcome.ok()) outcome = lane.record(slot.copied);
  return outcome;
}

Outcome ListSelection::select(const ScanPart& part, CUdeviceptr best) noexcept {
  const Kernels& kernels = run_.device().kernels();
  const unsigned blocks = select_blocks(part.count, kSelectThreads);
  const auto queries = static_cast<unsigned>(part.queries);
  CUdeviceptr scores = run_.lane.scratch.address();
  uint64_t count = part.count;
  uint32_t smaller_is_better = scan_.metric == Metric::euclidean;
  CUdeviceptr row_numbers = scan_launcher_.row_numbers(part);
  uint32_t first_number = scan_launcher_.first_number(part);
  CUdeviceptr words = scan_launcher_.words();
  uint64_t first_bit = scan_launcher_.first_bit(part);
  auto k = static_cast<uint32_t>(k_);
  CUdeviceptr lists = run_.lane.keys.address();
  uint64_t list_length = uint64_t{blocks} * k_;
  void* selecting[] = {&scores, &count,     &smaller_is_better, &row_numbers, &first_number,
                       &words,  &first_bit, &k,                 &lists,       &list_length};
  const Outcome outcome = run_.lane.launch(kernels.select_scores, blocks, queries, kSelectThreads, selecting);
  if (!outcome.ok()) return outcome;
  void* merging[] = {&lists, &list_length, &k, &best};
  return run_.lane.launch(kernels.merge_keys, queries, 1, kSelectThreads, merging);
}

Outcome ListSelection::settle(size_t index) noexcept {
  Lane::Slot& slot = run_.lane.slot(index);
  if (!slot.is_under_way) return {};
  if (auto outcome = run_.lane.wait(slot.copied); !outcome.ok()) return outcome;
  slot.is_under_way = false;
  const double before_ms = run_.phases.kernel_ms;
  if (auto outcome = run_.lane.measure(slot, &run_.phases); !outcome.ok()) return outcome;
  source_.learn(parts_[index % Lane::kSlots], run_.phases.kernel_ms - before_ms);
  return {};
}

}  // namespace gearshift::cuda
