#include "core/first_limit.h"

#include <algorithm>

#include "core/row_mask.h"
#include "core/scan.h"

namespace gearshift {
namespace {

constexpr size_t kBlock = RowCodes::kBlock;
/** Rows around the nearest centres. */
constexpr size_t kMostListed = 1024;
/** Than k: estimates are not scores. */
constexpr size_t kMore = 6;
/** Of which it is seen how many rows the centres leave. */
constexpr size_t kSampled = 256;

bool is_considered(const CertifiedScan::Request& request, size_t row, size_t start, size_t end) noexcept {
  if (row < start || row >= end) return false;
  return request.mask == nullptr || (request.mask[row / kMaskBits] >> row % kMaskBits & 1) != 0;
}

/** The considered rows around the nearest centres; returns how many. */
size_t list_considered(const CertifiedScan::Request& request, size_t start, size_t end, uint32_t* rows) noexcept {
  const size_t listed = request.codes.centres()->list_nearest(request.code, kMostListed, rows);
  size_t count = 0;
  for (size_t i = 0; i < listed; ++i) {
    const uint32_t row = rows[i];
    rows[count] = row;
    count += is_considered(request, row, start, end);
  }
  return count;
}

}  // namespace

size_t find_first_limit(const CertifiedScan::Request& request, size_t k, size_t start, size_t end, ReachedScore& reached) noexcept {
  if (k > kBlock - kMore) return 0;
  uint32_t rows[kMostListed];
  const size_t count = list_considered(request, start, end, rows);
  if (count < k) return 0;

  float estimates[kMostListed];
  for (size_t first = 0; first < count; first += kBlock) {
    int32_t sums[kBlock];
    float bounds[kBlock];
    request.codes.bound_chosen(request.kernels, request.code, rows + first, std::min(kBlock, count - first), sums,
                               estimates + first, bounds);
  }
  uint32_t order[kMostListed];
  for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(i);
  const size_t wanted = std::min(count, k + kMore);
  std::nth_element(order, order + (wanted - 1), order + count,
                   [&](uint32_t a, uint32_t b) noexcept { return estimates[a] > estimates[b]; });

  uint32_t best[kBlock];
  float scores[kBlock];
  for (size_t i = 0; i < wanted; ++i) best[i] = rows[order[i]];
  read_ahead(request.matrix, best, wanted);
  score_candidates(request.kernels, request.metric, request.matrix, request.query, best, wanted, scores);
  float* const last = std::remove_if(scores, scores + wanted, [](float score) noexcept { return score != score; });
  if (static_cast<size_t>(last - scores) < k) return wanted;
  const bool is_distance = request.metric == Metric::euclidean;
  std::nth_element(scores, scores + (k - 1), last, [&](float a, float b) noexcept { return is_distance ? a < b : a > b; });
  reached.raise(scores[k - 1]);
  return wanted;
}

double share_left(const CertifiedScan::Request& request, size_t start, size_t end, const ReachedScore& reached) noexcept {
  if (!reached.is_known() || start >= end) return 1;
  const CodeLimit limit{request.metric, request.code, request.matrix.dimensions};
  const float score = reached.score();
  size_t left = 0;
  for (size_t i = 0; i < kSampled; ++i) {
    const size_t row = start + i * (end - start) / kSampled;
    const float inverse_norm = limit.is_same_for_all() ? 1 : request.matrix.inverse_norms[row];
    left += !(request.codes.centres()->bound_of(request.code, row) < limit.of(score, inverse_norm));
  }
  return static_cast<double>(left) / kSampled;
}

}  // namespace gearshift
