// Scores through the core: the values, and that a row's bits depend on nothing but the row and the query.
#include <algorithm>
#include <vector>

#include "core/floating_point_mode.h"
#include "core/row_mask.h"
#include "core/scan.h"
#include "emulated.h"
#include "groups.h"
#include "guarded_floats.h"
#include "oracle.h"
#include "random_values.h"
#include "typed_elements.h"

namespace gearshift::tests {
namespace {

constexpr Metric kMetrics[] = {Metric::cosine, Metric::dot, Metric::euclidean};

double tolerance(Metric metric, const float* query, const float* row, size_t dimensions) {
  if (metric == Metric::cosine) return rounding(dimensions);
  const Sums sums = sums_of(query, row, dimensions);
  return rounding(dimensions) * (metric == Metric::dot ? sums.magnitude : std::sqrt(sums.squared_distance));
}

/** Masks of every kind: none, all, and shares of the rows by themselves, in runs and in whole words. */
std::vector<std::vector<uint32_t>> masks_of(size_t rows, Random& random) {
  std::vector<std::vector<uint32_t>> masks;
  for (const size_t percent : {0, 1, 10, 50, 97, 100}) {
    for (const size_t run : {1, 5, 32, 96}) {
      std::vector<uint32_t> words(mask_words(rows));
      for (size_t row = 0; row < rows; row += run) {
        if (random.below(100) >= percent) continue;
        for (size_t i = row; i < std::min(rows, row + run); ++i) words[i / kMaskBits] |= uint32_t{1} << i % kMaskBits;
      }
      masks.push_back(words);
    }
  }
  return masks;
}

bool is_considered(const std::vector<uint32_t>& mask, size_t row) { return mask[row / 32] >> row % 32 & 1; }

/** Elements that need care in some rows: all zero, what is worked out in f64, NaN, and some of everything. */
void make_odd_rows(TypedElements& rows, size_t dimensions, Random& random) {
  const std::vector<uint32_t> special = special_bits(rows.format);
  for (size_t i = 0; i < dimensions; ++i) rows.replace(40 * dimensions + i, 0);
  for (size_t row = 41; row < 41 + special.size(); ++row) {
    for (size_t i = 0; i < dimensions; ++i) rows.replace(row * dimensions + i, special[row - 41]);
  }
  for (size_t row = 100; row < 140; ++row) rows.replace(row * dimensions + random.below(dimensions), special[random.below(special.size())]);
}

/** The scores of the float32 matrix with the same values, from a resident copy. */
std::vector<float> scores_of_values(const KernelTable& kernels, Metric metric, const std::vector<float>& values, size_t rows,
                                    size_t dimensions, const PreparedQuery& query) {
  auto resident = ResidentMatrix::allocate(rows, dimensions);
  if (resident == nullptr) return {};
  resident->fill(kernels, values.data(), 0, rows);
  std::vector<float> scores(rows);
  score_rows(kernels, metric, resident->view(), query, 0, rows, scores.data());
  return scores;
}

void check_bits_of_scores(Check& check, const KernelTable& kernels, ElementFormat format, size_t dimensions, Random& random) {
  const FlushSubnormals flush;
  const size_t rows = 523;  // two blocks and a bit
  GuardedFloats memory(rows * dimensions + 1);
  auto resident = ResidentMatrix::allocate(rows, dimensions, ResidentMatrix::Rows::copied, format);
  auto norms = ResidentMatrix::allocate(rows, dimensions, ResidentMatrix::Rows::in_place, format);
  const std::vector<float> query = random.values(dimensions);
  PreparedQuery prepared;
  if (!check.that(memory.is_usable() && resident != nullptr && norms != nullptr && prepared.prepare(kernels, query.data(), dimensions),
                  "no memory"))
    return;
  TypedElements elements = random_elements(format, rows * dimensions, random);
  make_odd_rows(elements, dimensions, random);
  // Misaligned and without any padding behind the last row.
  uint8_t* const values = memory.bytes_at_end(elements.bytes.size(), format.bytes());
  std::copy(elements.bytes.begin(), elements.bytes.end(), values);
  // Filled in pieces, as threads do.
  const size_t cuts[] = {0, 1, 8, 100, 101, 400, rows};
  for (size_t i = 0; i + 1 < std::size(cuts); ++i) {
    resident->fill(kernels, values, cuts[i], cuts[i + 1]);
    norms->fill(kernels, values, cuts[i], cuts[i + 1]);
  }

  std::vector<uint32_t> shuffled(rows);
  for (size_t i = 0; i < rows; ++i) shuffled[i] = static_cast<uint32_t>(i);
  for (size_t i = rows - 1; i > 0; --i) std::swap(shuffled[i], shuffled[random.below(i + 1)]);

  // The whole matrix, and ranges that begin and end anywhere: in emulation too these are thousands, with all metrics and layouts.
  constexpr int kRanges = kIsEmulated ? 12 : 60;
  for (const Metric metric : kMetrics) {
    const std::vector<float> expected = scores_of_values(kernels, metric, elements.values, rows, dimensions, prepared);
    if (!check.that(expected.size() == rows, "no memory")) return;
    const std::pair<const char*, MatrixView> views[] = {{"copied", resident->view()},
                                                        {"borrowed", view_of(values, format, rows, dimensions)},
                                                        {"in-place", norms->view_of_rows(values, nullptr)}};
    for (const auto& [kind, view] : views) {
      for (int range = 0; range < kRanges; ++range) {
        const size_t start = range == 0 ? 0 : random.below(rows + 1);
        const size_t end = range == 0 ? rows : start + random.below(rows + 1 - start);
        std::vector<float> scores(end - start + 1, -7);
        score_rows(kernels, metric, view, prepared, start, end, scores.data());
        size_t differ = 0;
        for (size_t i = start; i < end; ++i) differ += !is_same(scores[i - start], expected[i]);
        check.that(differ == 0, "%zu %s %s rows of [%zu, %zu) differ, metric %d, %zu dimensions", differ, kind,
                   name_of(format), start, end, static_cast<int>(metric), dimensions);
        check.that(scores.back() == -7, "a score was written behind the range");
      }
      std::vector<float> scores(rows);
      score_candidates(kernels, metric, view, prepared, shuffled.data(), rows, scores.data());
      size_t differ = 0;
      for (size_t i = 0; i < rows; ++i) differ += !is_same(scores[i], expected[shuffled[i]]);
      check.that(differ == 0, "%zu %s %s candidates differ, metric %d, %zu dimensions", differ, kind, name_of(format),
                 static_cast<int>(metric), dimensions);
    }
  }
}

}  // namespace

void scores_agree_with_f64(Check& check, const KernelTable& kernels) {
  Random random(10);
  for (const size_t dimensions : {1, 3, 16, 17, 100, 384, 768, 1025}) {
    const size_t rows = 600;
    const std::vector<float> values = random.values(rows * dimensions);
    const std::vector<float> query = random.values(dimensions);
    auto resident = ResidentMatrix::allocate(rows, dimensions);
    PreparedQuery prepared;
    if (!check.that(resident != nullptr && prepared.prepare(kernels, query.data(), dimensions), "no memory")) return;
    resident->fill(kernels, values.data(), 0, rows);
    for (const Metric metric : kMetrics) {
      std::vector<float> scores(rows);
      score_rows(kernels, metric, resident->view(), prepared, 0, rows, scores.data());
      for (size_t row = 0; row < rows; ++row) {
        const float* const at = &values[row * dimensions];
        const double expected = expected_score(metric, query.data(), at, dimensions);
        check.that(is_close(scores[row], expected, tolerance(metric, query.data(), at, dimensions)),
                   "metric %d, %zu dimensions, row %zu: %g, not %g", static_cast<int>(metric), dimensions, row,
                   scores[row], expected);
      }
    }
  }
}

void scores_have_the_same_bits_everywhere(Check& check, const KernelTable& kernels) {
  Random random(11);
  for (const ElementFormat format : kFormats)
    for (const size_t dimensions : {1, 5, 15, 16, 17, 33, 63, 64, 65, 383, 768})
      check_bits_of_scores(check, kernels, format, dimensions, random);
}

void scores_do_not_depend_on_other_queries(Check& check, const KernelTable& kernels) {
  Random random(13);
  const FlushSubnormals flush;
  constexpr size_t kRows = 523;
  std::vector<PreparedQuery> queries(kMostQueriesTogether);
  // Kernels take up to four queries at once: with 9 there are several such groups and a rest.
  constexpr size_t kMany = kIsEmulated ? 9 : kMostQueriesTogether;
  for (const ElementFormat format : kFormats) {
    for (const size_t dimensions : {1, 17, 64, 383}) {
      TypedElements elements = random_elements(format, kRows * dimensions, random);
      make_odd_rows(elements, dimensions, random);
      auto resident = ResidentMatrix::allocate(kRows, dimensions, ResidentMatrix::Rows::copied, format);
      if (!check.that(resident != nullptr, "no memory")) return;
      resident->fill(kernels, elements.bytes.data(), 0, kRows);
      const std::pair<const char*, MatrixView> views[] = {{"copied", resident->view()},
                                                          {"borrowed", view_of(elements.bytes.data(), format, kRows, dimensions)}};
      for (const size_t count : {size_t{1}, size_t{2}, size_t{4}, size_t{5}, kMany}) {
        for (size_t q = 0; q < count; ++q) {
          std::vector<float> values = random.values(dimensions);
          // Scores that are worked out in double precision, and NaN, for some of the queries.
          if (q == 1) std::fill(values.begin(), values.end(), 1e30f);
          if (q == 3) values[dimensions / 2] = std::numeric_limits<float>::quiet_NaN();
          if (!check.that(queries[q].prepare(kernels, values.data(), dimensions), "no memory")) return;
        }
        for (const Metric metric : kMetrics) {
          for (const auto& [kind, view] : views) {
            const size_t start = random.below(kRows);
            const size_t end = start + random.below(kRows + 1 - start);
            const size_t stride = end - start + 1;
            std::vector<float> together(count * stride, -7);
            score_rows(kernels, metric, view, queries.data(), count, start, end, together.data(), stride);
            const size_t k = 1 + random.below(20);
            std::vector<TopKSelector> best(count);
            for (TopKSelector& selector : best)
              if (!check.that(selector.reset(k, metric), "no memory")) return;
            top_k_rows(kernels, metric, view, queries.data(), count, start, end, best.data());
            size_t differ = 0;
            size_t other = 0;
            for (size_t q = 0; q < count; ++q) {
              std::vector<float> alone(stride, -7);
              score_rows(kernels, metric, view, queries[q], start, end, alone.data());
              for (size_t i = 0; i < stride; ++i) differ += !is_same(alone[i], together[q * stride + i]);
              TopKSelector single;
              if (!check.that(single.reset(k, metric), "no memory")) return;
              top_k_rows(kernels, metric, view, queries[q], start, end, single);
              std::vector<uint32_t> indices(k), expected_indices(k);
              std::vector<float> scores(k), expected(k);
              const size_t found = best[q].finish(indices.data(), scores.data());
              other += found != single.finish(expected_indices.data(), expected.data()) || indices != expected_indices;
              for (size_t i = 0; i < found; ++i) other += !is_same(scores[i], expected[i]);
            }
            check.that(differ == 0, "%zu %s %s scores by %zu queries differ, metric %d, %zu dimensions", differ, kind,
                       name_of(format), count, static_cast<int>(metric), dimensions);
            check.that(other == 0, "%zu entries of %s %s rankings by %zu queries differ, metric %d", other, kind,
                       name_of(format), count, static_cast<int>(metric));
          }
        }
      }
    }
  }
}

void masks_choose_rows(Check& check, const KernelTable& kernels) {
  Random random(12);
  for (const size_t dimensions : {3, 16, 100}) {
    const size_t rows = 1000;
    std::vector<float> values = random.values(rows * dimensions);
    values[42 * dimensions] = std::numeric_limits<float>::quiet_NaN();
    std::fill_n(&values[41 * dimensions], dimensions, 1e30f);  // worked out in f64
    std::copy_n(&values[7 * dimensions], dimensions, &values[500 * dimensions]);
    const std::vector<float> query = random.values(dimensions);
    auto resident = ResidentMatrix::allocate(rows, dimensions);
    PreparedQuery prepared;
    if (!check.that(resident != nullptr && prepared.prepare(kernels, query.data(), dimensions), "no memory")) return;
    resident->fill(kernels, values.data(), 0, rows);
    const TypedElements halves = random_elements({ElementType::float16, 1}, rows * dimensions, random);
    const TypedElements bytes = random_elements({ElementType::int8, 0.0123f}, rows * dimensions, random);
    const MatrixView views[] = {resident->view(), view_of(values.data(), {}, rows, dimensions),
                                view_of(halves.bytes.data(), halves.format, rows, dimensions),
                                view_of(bytes.bytes.data(), bytes.format, rows, dimensions)};
    for (const std::vector<uint32_t>& mask : masks_of(rows, random)) {
      for (const Metric metric : kMetrics) {
        for (const MatrixView& view : views) {
          const size_t start = random.below(rows);
          const size_t end = start + random.below(rows + 1 - start);
          std::vector<float> all(end - start), scores(end - start + 1, -7);
          score_rows(kernels, metric, view, prepared, start, end, all.data());
          score_considered(kernels, metric, view, prepared, mask.data(), start, end, scores.data());
          std::vector<uint32_t> listed;
          size_t differ = 0;
          for (size_t row = start; row < end; ++row) {
            const float score = scores[row - start];
            const bool considered = is_considered(mask, row);
            differ += considered ? !is_same(score, all[row - start]) : score == score;
            if (considered) listed.push_back(static_cast<uint32_t>(row));
          }
          check.that(differ == 0, "%zu scores of [%zu, %zu) differ, metric %d", differ, start, end,
                     static_cast<int>(metric));
          check.that(scores.back() == -7, "a score was written behind the range");
          check.that(count_rows(mask.data(), start, end) == listed.size(), "rows of [%zu, %zu) are counted wrongly", start,
                     end);

          const size_t k = 1 + random.below(40);
          TopKSelector by_mask, by_list;
          if (!check.that(by_mask.reset(k, metric) && by_list.reset(k, metric), "no memory")) return;
          top_k_considered(kernels, metric, view, prepared, mask.data(), start, end, by_mask);
          top_k_candidates(kernels, metric, view, prepared, listed.data(), listed.size(), by_list);
          std::vector<uint32_t> indices(k), expected_indices(k);
          std::vector<float> best(k), expected(k);
          const size_t found = by_mask.finish(indices.data(), best.data());
          check.that(found == std::min(k, listed.size()), "%zu entries of %zu rows", found, listed.size());
          by_list.finish(expected_indices.data(), expected.data());
          check.that(indices == expected_indices, "other rows than among candidates, metric %d", static_cast<int>(metric));
          size_t other = 0;
          for (size_t i = 0; i < found; ++i) other += !is_same(best[i], expected[i]);
          check.that(other == 0, "%zu entries have other bits than among candidates", other);
        }
      }
    }
  }
}

}  // namespace gearshift::tests
