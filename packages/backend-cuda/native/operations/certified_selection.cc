#include "operations/certified_selection.h"

#include <algorithm>

#include "operations/list_selection.h"
#include "operations/transfer.h"

namespace gearshift::cuda {
namespace {

/** Beyond it, as many rows as can be selected are too few to be sure of. */
constexpr size_t kMostK = 100;

/** Rows to select by their bounds: room for those whose bounds overlap, which with int8 are many. */
size_t selected_rows(BoundForm form, size_t k) noexcept {
  return form == BoundForm::int8 ? kSelectMostK : std::min<size_t>(kSelectMostK, 64 + 2 * k);
}

}  // namespace

std::optional<BoundForm> CertifiedSelection::choose(const Device& device, const Scan& scan, size_t k) noexcept {
  constexpr size_t kLeastRowsPerSelected = 4;
  if (k > kMostK) return std::nullopt;
  const std::optional<BoundForm> form = BoundLauncher::choose(device, scan);
  const bool has_enough = form.has_value() && scan.considered_count() >= kLeastRowsPerSelected * selected_rows(*form, k);
  return has_enough ? form : std::nullopt;
}

CertifiedSelection::CertifiedSelection(Run& run, const Scan& scan, ScanLauncher& launcher, BoundForm form, size_t k) noexcept
    : run_(run), scan_(scan), launcher_(launcher), k_(k), selected_(selected_rows(form, k)), bounds_(run, scan, launcher, form) {}

Outcome CertifiedSelection::run(uint64_t* keys, uint32_t* certain) noexcept {
  Lane& lane = run_.lane;
  const size_t queries = launcher_.loaded_queries();
  ListSelection selection(run_, scan_, launcher_, bounds_, selected_);
  Outcome outcome = bounds_.narrow_queries();
  if (outcome.ok()) outcome = selection.run(0, queries);

  // Scores of the selected rows, then the best keys, then whether they are certain: nothing uses the scratch any more.
  const size_t keys_bytes = queries * k_ * sizeof(uint64_t);
  if (outcome.ok()) {
    outcome = lane.scratch.reserve(run_.device(), keys_bytes + queries * (selected_ + 1) * sizeof(uint32_t));
  }
  if (!outcome.ok()) return outcome;
  CUdeviceptr best = lane.scratch.address();
  CUdeviceptr verdicts = best + keys_bytes;
  CUdeviceptr scores = verdicts + queries * sizeof(uint32_t);
  CUdeviceptr bounds = selection.best();
  auto count = static_cast<uint32_t>(selected_);
  uint32_t smaller_is_better = scan_.metric == Metric::euclidean;
  auto k = static_cast<uint32_t>(k_);
  void* certifying[] = {&bounds, &scores, &count, &smaller_is_better, &k, &best, &verdicts};

  Lane::Slot& slot = lane.slot(0);
  slot.is_under_way = true;
  outcome = lane.record(slot.begun);
  if (outcome.ok()) outcome = launcher_.launch_selected(queries, bounds, selected_, scores);
  if (outcome.ok()) {
    outcome = lane.launch(run_.device().kernels().certify_keys, static_cast<unsigned>(queries), 1, kSelectThreads, certifying);
  }
  if (outcome.ok()) outcome = lane.record(slot.computed);
  if (outcome.ok()) outcome = lane.record(slot.copied);
  if (outcome.ok()) outcome = lane.wait(slot.copied);
  if (!outcome.ok()) return outcome;
  slot.is_under_way = false;
  outcome = lane.measure(slot, &run_.phases);
  if (outcome.ok()) outcome = download_all(run_, keys, best, keys_bytes);
  if (outcome.ok()) outcome = download_all(run_, certain, verdicts, queries * sizeof(uint32_t));
  if (!outcome.ok()) return outcome;
  scan_.matrix->record->note(queries, queries - static_cast<size_t>(std::count(certain, certain + queries, 1u)));
  return {};
}

}  // namespace gearshift::cuda
