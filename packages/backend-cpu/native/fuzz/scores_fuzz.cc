// Scores: the same bits by rows, candidates, masks, copies and rows in place; close to double precision for numbers without overflow;
// nothing read beyond the rows.
#include <cmath>
#include <memory>

#include "../tests/oracle.h"
#include "core/floating_point_mode.h"
#include "core/matrix.h"
#include "core/query.h"
#include "core/row_mask.h"
#include "core/scan.h"
#include "fuzz_input.h"

namespace {

using namespace gearshift;
using namespace gearshift::tests;

bool is_moderate(const float* values, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float size = std::fabs(values[i]);
    if (size != 0 && !(size > 0x1p-40f && size < 0x1p40f)) return false;
  }
  return true;
}

double tolerance(Metric metric, const float* query, const float* row, size_t dimensions) {
  if (metric == Metric::cosine) return rounding(dimensions + 8);
  const Sums sums = sums_of(query, row, dimensions);
  return rounding(dimensions + 8) * (metric == Metric::dot ? sums.magnitude : std::sqrt(sums.squared_distance));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  fuzz::Input input(bytes, size);
  const KernelTable& kernels = fuzz::choose_level(input);
  const auto metric = static_cast<Metric>(input.byte() % 3);
  const size_t dimensions = 1 + input.below(300);
  const size_t count = 1 + input.byte() % 80;
  const bool is_copied = input.byte() % 2 == 0;
  std::vector<float> query_values(dimensions);
  for (float& value : query_values) value = input.number();
  const std::vector<float> rows = input.rows(count, dimensions);

  const FlushSubnormals flush;
  PreparedQuery query;
  query.prepare(kernels, query_values.data(), dimensions);
  const auto resident =
      ResidentMatrix::allocate(count, dimensions, is_copied ? ResidentMatrix::Rows::copied : ResidentMatrix::Rows::in_place);
  if (resident == nullptr) return 0;
  resident->fill(kernels, rows.data(), 0, count);
  const MatrixView view = is_copied ? resident->view() : resident->view_of_rows(rows.data(), nullptr);

  // As large as the scores and no larger, for what watches over memory.
  std::vector<float> scores(count), borrowed(count), chosen(count), considered(count);
  score_rows(kernels, metric, view, query, 0, count, scores.data());
  score_rows(kernels, metric, view_of(rows.data(), {}, count, dimensions), query, 0, count, borrowed.data());
  std::vector<uint32_t> candidates(count), mask(mask_words(count));
  for (uint32_t& row : candidates) row = static_cast<uint32_t>(input.below(count));
  for (uint32_t& word : mask) word = input.byte() * 0x01010101u;
  score_candidates(kernels, metric, view, query, candidates.data(), count, chosen.data());
  score_considered(kernels, metric, view, query, mask.data(), 0, count, considered.data());
  for (size_t row = 0; row < count; ++row) {
    fuzz::require(is_same(scores[row], borrowed[row]), "a score has the same bits with norms and without");
    fuzz::require(is_same(chosen[row], scores[candidates[row]]), "a candidate's score has the bits of the row's");
    const bool is_in = (mask[row / kMaskBits] >> row % kMaskBits & 1) != 0;
    fuzz::require(is_in ? is_same(considered[row], scores[row]) : std::isnan(considered[row]), "a mask chooses the rows that are scored");
    const float* const values = rows.data() + row * dimensions;
    if (!is_moderate(values, dimensions) || !is_moderate(query_values.data(), dimensions)) continue;
    const double expected = expected_score(metric, query_values.data(), values, dimensions);
    fuzz::require(is_close(scores[row], expected, tolerance(metric, query_values.data(), values, dimensions)),
                  "a score is close to double precision");
  }
  return 0;
}
