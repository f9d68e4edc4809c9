#include <algorithm>
#include <cstring>

#include "operations/scan_launcher.h"

namespace gearshift::cuda {
namespace {

/** Scores of one part on their way to the caller: the device makes the next while the host takes these. */
class ScorePipe {
 public:
  ScorePipe(Run& run, ScanLauncher& launcher, size_t rows, float* scores) noexcept
      : run_(run), launcher_(launcher), rows_(rows), scores_(scores) {}

  /** @param first_query  of the part, among all */
  Outcome push(const ScanPart& part, size_t first_query) noexcept {
    const size_t index = next_++;
    if (auto outcome = take(index); !outcome.ok()) return outcome;
    Lane& lane = run_.lane;
    Lane::Slot& slot = lane.slot(index);
    const size_t bytes = part.queries * part.count * sizeof(float);
    Outcome outcome = slot.output.reserve(run_.device(), bytes);
    if (outcome.ok()) outcome = slot.landing.reserve(run_.device(), bytes);
    if (!outcome.ok()) return outcome;
    pending_[index % Lane::kSlots] = {part, first_query};
    slot.is_under_way = true;
    outcome = lane.record(slot.begun);
    if (outcome.ok()) outcome = launcher_.launch(part, slot.output.address());
    if (outcome.ok()) outcome = lane.record(slot.computed);
    if (outcome.ok()) outcome = lane.download(slot.landing.as<char>(), slot.output.address(), bytes);
    if (outcome.ok()) outcome = lane.record(slot.copied);
    return outcome;
  }

  Outcome take_all() noexcept {
    for (size_t i = 0; i < Lane::kSlots; ++i) {
      if (auto outcome = take(next_ + i); !outcome.ok()) return outcome;
    }
    return {};
  }

 private:
  struct Pending {
    ScanPart part;
    size_t first_query;
  };

  Outcome take(size_t index) noexcept {
    Lane::Slot& slot = run_.lane.slot(index);
    if (!slot.is_under_way) return {};
    if (auto outcome = run_.lane.wait(slot.copied); !outcome.ok()) return outcome;
    slot.is_under_way = false;
    const double before_ms = run_.phases.kernel_ms;
    if (auto outcome = run_.lane.measure(slot, &run_.phases); !outcome.ok()) return outcome;
    const auto& [part, first_query] = pending_[index % Lane::kSlots];
    launcher_.learn(part, run_.phases.kernel_ms - before_ms);
    const auto* landed = slot.landing.as<float>();
    for (size_t q = 0; q < part.queries; ++q) {
      std::memcpy(scores_ + (first_query + q) * rows_ + part.begin, landed + q * part.count, part.count * sizeof(float));
    }
    return {};
  }

  Run& run_;
  ScanLauncher& launcher_;
  const size_t rows_;
  float* const scores_;
  size_t next_ = 0;
  Pending pending_[Lane::kSlots] = {};
};

}  // namespace

Outcome score(Run& run, const Scan& scan, float* scores) noexcept {
  ScanLauncher launcher(run, scan);
  if (auto outcome = launcher.prepare(); !outcome.ok()) return outcome;
  const size_t rows = scan.row_count();
  ScorePipe pipe(run, launcher, rows, scores);
  const size_t batch = launcher.batch_queries();
  for (size_t loaded = 0; loaded < scan.query_count; loaded += batch) {
    const size_t here = std::min(batch, scan.query_count - loaded);
    if (auto outcome = launcher.load_queries(loaded, here); !outcome.ok()) return outcome;
    for (size_t first = 0; first < here; first += kQueryGroup) {
      const size_t queries = std::min<size_t>(kQueryGroup, here - first);
      for (size_t begin = 0, count = 0; begin < rows; begin += count) {
        if (run.is_cancelled()) return {Failure::cancelled};
        count = std::min(launcher.rows_per_launch(queries), rows - begin);
        if (auto outcome = pipe.push({first, queries, begin, count}, loaded + first); !outcome.ok()) return outcome;
      }
    }
    if (auto outcome = pipe.take_all(); !outcome.ok()) return outcome;
  }
  return {};
}

}  // namespace gearshift::cuda
