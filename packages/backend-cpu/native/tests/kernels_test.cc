// The kernels by themselves: every count of rows and dimensions at which a loop, a pair or a tail begins or ends.
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <vector>

#include "core/floating_point_mode.h"
#include "emulated.h"
#include "groups.h"
#include "guarded_floats.h"
#include "oracle.h"
#include "random_values.h"
#include "typed_elements.h"

namespace gearshift::tests {
namespace {

constexpr size_t kDimensions[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 767, 768, 769, 1536};
constexpr size_t kMostRows = 70;

/** What each of the kernels gives for every row. */
struct Results {
  std::vector<float> dots, squared_distances, fused_dots, fused_norms, squared_norms;

  explicit Results(size_t rows)
      : dots(rows, -7), squared_distances(rows, -7), fused_dots(rows, -7), fused_norms(rows, -7), squared_norms(rows, -7) {}

  void run(const KernelTable& kernels, ElementFormat format, const float* query, const void* rows, size_t stride,
           size_t row_count, size_t dimensions, size_t first = 0) {
    const ScanKernels& scans = kernels.scans_of(format.type);
    scans.dot(query, rows, format.scale, stride, row_count, dimensions, &dots[first]);
    scans.squared_distance(query, rows, format.scale, stride, row_count, dimensions, &squared_distances[first]);
    scans.dot_and_squared_norm(query, rows, format.scale, stride, row_count, dimensions, row_count > 4, &fused_dots[first],
                               &fused_norms[first]);
    scans.squared_norm(rows, format.scale, stride, row_count, dimensions, &squared_norms[first]);
  }

  void run_chosen(const KernelTable& kernels, ElementFormat format, const float* query, const void* rows, size_t stride,
                  const std::vector<uint32_t>& chosen, size_t count, size_t dimensions) {
    const ScanKernels& scans = kernels.scans_of(format.type);
    scans.dot_chosen(query, rows, format.scale, stride, chosen.data(), count, dimensions, dots.data());
    scans.squared_distance_chosen(query, rows, format.scale, stride, chosen.data(), count, dimensions,
                                  squared_distances.data());
    scans.dot_and_squared_norm_chosen(query, rows, format.scale, stride, chosen.data(), count, dimensions,
                                      fused_dots.data(), fused_norms.data());
    std::copy_n(fused_norms.begin(), count, squared_norms.begin());  // there is no such kernel
  }

  bool is_same_row(const Results& other, size_t row) const { return is_same_row(other, row, row); }
  bool is_same_row(const Results& other, size_t row, size_t other_row) const {
    return is_same(dots[row], other.dots[other_row]) &&
           is_same(squared_distances[row], other.squared_distances[other_row]) &&
           is_same(fused_dots[row], other.fused_dots[other_row]) &&
           is_same(fused_norms[row], other.fused_norms[other_row]) &&
           is_same(squared_norms[row], other.squared_norms[other_row]);
  }

  bool is_untouched(size_t row) const {
    return dots[row] == -7 && squared_distances[row] == -7 && fused_dots[row] == -7 && fused_norms[row] == -7 &&
           squared_norms[row] == -7;
  }
};

/** The float32 kernels, one row at a time, against double precision: what all others are compared with. */
Results check_single_rows(Check& check, const KernelTable& kernels, const std::vector<float>& query,
                          const std::vector<float>& rows, size_t dimensions) {
  Results one_by_one(kMostRows + 1);
  for (size_t row = 0; row < kMostRows; ++row) {
    const float* const values = &rows[row * dimensions];
    one_by_one.run(kernels, {}, query.data(), values, dimensions, 1, dimensions, row);
    const Sums sums = sums_of(query.data(), values, dimensions);
    const double bound = rounding(dimensions);
    check.that(is_close(one_by_one.dots[row], sums.dot, bound * sums.magnitude), "dot of %zu dimensions: %g, not %g",
               dimensions, one_by_one.dots[row], sums.dot);
    // The difference itself is rounded before it is squared.
    check.that(is_close(one_by_one.squared_distances[row], sums.squared_distance, 2 * bound * sums.squared_distance),
               "squared distance of %zu dimensions: %g, not %g", dimensions, one_by_one.squared_distances[row],
               sums.squared_distance);
    check.that(is_close(one_by_one.squared_norms[row], sums.squared_norm, bound * sums.squared_norm),
               "squared norm of %zu dimensions: %g, not %g", dimensions, one_by_one.squared_norms[row],
               sums.squared_norm);
    check.that(is_same(one_by_one.fused_dots[row], one_by_one.dots[row]), "the fused dot has other bits");
    check.that(is_same(one_by_one.fused_norms[row], one_by_one.squared_norms[row]), "the fused norm has other bits");
  }
  return one_by_one;
}

void check_dimensions(Check& check, const KernelTable& kernels, ElementFormat format, size_t dimensions, Random& random) {
  const std::vector<float> query = random.values(dimensions);
  const TypedElements rows = random_elements(format, kMostRows * dimensions, random);
  const Results one_by_one = check_single_rows(check, kernels, query, rows.values, dimensions);

  const size_t size = format.bytes();
  const size_t padded = (dimensions + 15) / 16 * 16;
  GuardedFloats query_memory(dimensions + 1);
  GuardedFloats row_memory(kMostRows * (padded + 1));
  if (!check.that(query_memory.is_usable() && row_memory.is_usable(), "no memory")) return;
  struct Layout {
    size_t stride;
    size_t gap;  // elements between the last value and memory that cannot be read; odd ones break every alignment
  };
  for (const Layout layout : {Layout{dimensions, 0}, Layout{dimensions, 1}, Layout{padded + 1, 0}}) {
    float* const guarded_query = query_memory.at_end(dimensions, layout.gap);
    std::copy(query.begin(), query.end(), guarded_query);
    const auto place = [&](size_t row_count) {
      const size_t elements = row_count == 0 ? 0 : (row_count - 1) * layout.stride + dimensions;
      uint8_t* const guarded = row_memory.bytes_at_end(elements * size, layout.gap * size);
      for (size_t row = 0; row < row_count; ++row)
        std::copy_n(rows.at(row * dimensions), dimensions * size, guarded + row * layout.stride * size);
      return guarded;
    };
    for (size_t row_count = 0; row_count <= kMostRows; ++row_count) {
      // Kernels take four rows at once whether they are long or not: short ones have every count, long ones those up to four times four
      // and one more, and the largest.
      if (kIsEmulated && dimensions > 65 && row_count > 17 && row_count < kMostRows) continue;
      const uint8_t* const guarded = place(row_count);
      Results together(kMostRows + 1);
      together.run(kernels, format, guarded_query, guarded, layout.stride, row_count, dimensions);
      for (size_t row = 0; row < row_count; ++row)
        check.that(together.is_same_row(one_by_one, row), "%s row %zu of %zu has other bits at %zu dimensions, stride %zu",
                   name_of(format), row, row_count, dimensions, layout.stride);
      check.that(together.is_untouched(row_count), "%zu rows: more results than rows", row_count);
    }
    // The last row ends at memory that cannot be read: neither a row behind it nor a wrong one may be loaded.
    const uint8_t* const guarded = place(kMostRows);
    for (size_t count = 0; count <= 13; ++count) {
      std::vector<uint32_t> chosen(count);
      for (uint32_t& row : chosen) row = static_cast<uint32_t>(random.below(kMostRows));
      if (count > 0) chosen[random.below(count)] = kMostRows - 1;
      Results apart(kMostRows + 1);
      apart.run_chosen(kernels, format, guarded_query, guarded, layout.stride, chosen, count, dimensions);
      for (size_t i = 0; i < count; ++i)
        check.that(apart.is_same_row(one_by_one, i, chosen[i]),
                   "chosen %s row %zu of %zu has other bits at %zu dimensions", name_of(format), i, count, dimensions);
      check.that(apart.is_untouched(count), "%zu chosen rows: more results than rows", count);
    }
  }
}

/** Several queries at once give what each gives by itself, of rows that end at memory that cannot be read. */
void check_queries_together(Check& check, const KernelTable& kernels, ElementFormat format, size_t dimensions, Random& random) {
  constexpr size_t kMostQueries = 9;
  constexpr size_t kSomeRows = 29;
  const TypedElements rows = random_elements(format, kSomeRows * dimensions, random);
  GuardedFloats row_memory(kSomeRows * dimensions + 1);
  std::deque<GuardedFloats> query_memory;
  if (!check.that(row_memory.is_usable(), "no memory")) return;
  const float* queries[kMostQueries];
  std::vector<Results> alone;
  for (size_t q = 0; q < kMostQueries; ++q) {
    query_memory.emplace_back(dimensions + 1);
    if (!check.that(query_memory[q].is_usable(), "no memory")) return;
    const std::vector<float> query = random.values(dimensions);
    float* const guarded = query_memory[q].at_end(dimensions, q % 2);
    std::copy(query.begin(), query.end(), guarded);
    queries[q] = guarded;
    alone.emplace_back(kSomeRows);
    alone[q].run(kernels, format, query.data(), rows.bytes.data(), dimensions, kSomeRows, dimensions);
  }
  const ScanKernels& scans = kernels.scans_of(format.type);
  for (const size_t row_count : {1, 2, 3, 4, 7, 13, 29}) {
    uint8_t* const guarded = row_memory.bytes_at_end(row_count * dimensions * format.bytes(), format.bytes());
    std::copy_n(rows.bytes.begin(), row_count * dimensions * format.bytes(), guarded);
    for (size_t query_count = 1; query_count <= kMostQueries; ++query_count) {
      const size_t stride = row_count + 1;
      std::vector<float> dots(kMostQueries * stride, -7), distances(kMostQueries * stride, -7);
      scans.dot_together(queries, query_count, guarded, format.scale, dimensions, row_count, dimensions, dots.data(), stride);
      scans.squared_distance_together(queries, query_count, guarded, format.scale, dimensions, row_count, dimensions,
                                      distances.data(), stride);
      size_t differ = 0;
      size_t touched = 0;
      for (size_t q = 0; q < kMostQueries; ++q) {
        for (size_t row = 0; row < stride; ++row) {
          const size_t at = q * stride + row;
          if (q >= query_count || row == row_count) touched += dots[at] != -7 || distances[at] != -7;
          else differ += !is_same(dots[at], alone[q].dots[row]) || !is_same(distances[at], alone[q].squared_distances[row]);
        }
      }
      check.that(differ == 0, "%zu results of %zu %s rows of %zu dimensions and %zu queries have other bits", differ, row_count,
                 name_of(format), dimensions, query_count);
      check.that(touched == 0, "%zu rows and %zu queries: %zu results too many", row_count, query_count, touched);
    }
  }
}

/** The vector of one element, `count` times, as the kernels widen it: read back through a distance to zero or a product with 1. */
void check_element(Check& check, const KernelTable& kernels, ElementFormat format, uint32_t bits, size_t count) {
  TypedElements row(format);
  for (size_t i = 0; i < count; ++i) row.push(bits);
  Results typed(1), wide(1);
  const std::vector<float> ones(count, 1.0f);
  typed.run(kernels, format, ones.data(), row.bytes.data(), count, 1, count);
  wide.run(kernels, {}, ones.data(), row.values.data(), count, 1, count);
  check.that(typed.is_same_row(wide, 0), "%s with the bits %x, %zu of them: %g, not %g", name_of(format), bits, count,
             typed.dots[0], wide.dots[0]);
}

}  // namespace

void kernels_agree_with_f64(Check& check, const KernelTable& kernels) {
  Random random(1);
  for (const ElementFormat format : kFormats) {
    if (format.scale > 1) continue;  // sums that are infinite in float32 are not
    for (const size_t dimensions : kDimensions) check_dimensions(check, kernels, format, dimensions, random);
  }
}

void queries_together_have_the_bits_of_each(Check& check, const KernelTable& kernels) {
  Random random(4);
  for (const ElementFormat format : kFormats) {
    if (format.scale > 1) continue;
    for (const size_t dimensions : kDimensions) check_queries_together(check, kernels, format, dimensions, random);
  }
}

void elements_have_their_exact_values(Check& check, const KernelTable& kernels) {
  // As the core calls the kernels: subnormal float16 are not subnormal in float32, and must not be flushed.
  const FlushSubnormals flush;
  for (const ElementFormat format : kFormats) {
    if (format.type == ElementType::float32) continue;
    const uint32_t patterns = format.bytes() == 1 ? 256 : 65'536;
    // One tail, and one full vector at every level.
    for (uint32_t bits = 0; bits < patterns; ++bits)
      for (const size_t count : {1, 16}) check_element(check, kernels, format, bits, count);
    for (const uint32_t bits : special_bits(format))
      for (size_t count = 1; count <= 33; ++count) check_element(check, kernels, format, bits, count);
  }
}

void kernels_finish_scores(Check& check, const KernelTable& kernels) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Random random(2);
  for (size_t count = 0; count <= kMostRows; ++count) {
    const std::vector<float> scores = random.values(count);
    const std::vector<float> norms = random.values(count);
    std::vector<float> cosines = scores;
    check.that(!kernels.finish_cosine_f32(cosines.data(), norms.data(), 3, count), "%zu: no score is NaN", count);
    std::vector<float> distances(count);
    for (size_t i = 0; i < count; ++i) distances[i] = scores[i] * scores[i];
    check.that(!kernels.finish_euclidean_f32(distances.data(), count), "%zu: every distance is finite", count);
    check.that(!kernels.any_not_finite_f32(scores.data(), count), "%zu: every score is finite", count);
    for (size_t i = 0; i < count; ++i) {
      const double product = static_cast<double>(scores[i]) * norms[i] * 3;
      check.that(is_close(cosines[i], std::fmin(1, std::fmax(-1, product)), 4 * 0x1p-24), "cosine %zu of %zu: %g", i,
                 count, cosines[i]);
      check.that(is_close(distances[i], std::fabs(scores[i]), 2 * 0x1p-24), "distance %zu of %zu: %g", i, count,
                 distances[i]);
    }
    // One odd value at each place, the rest as above.
    for (size_t odd = 0; odd < count; ++odd) {
      for (const float value : {kNan, kInfinity, -kInfinity}) {
        std::vector<float> odd_scores = scores;
        odd_scores[odd] = value;
        check.that(kernels.any_not_finite_f32(odd_scores.data(), count), "%g at %zu of %zu was missed", value, odd, count);
        const std::vector<float> ones(count, 1.0f);
        const bool has_nan = kernels.finish_cosine_f32(odd_scores.data(), ones.data(), 1, count);
        check.that(has_nan == std::isnan(value), "%g at %zu of %zu: NaN was %s", value, odd, count,
                   has_nan ? "seen" : "missed");
        const float clamped = std::isnan(value) ? kNan : value > 0 ? 1.0f : -1.0f;
        check.that(is_same(odd_scores[odd], clamped), "%g became %g", value, odd_scores[odd]);
        std::vector<float> odd_squares(count, 4.0f);
        odd_squares[odd] = std::fabs(value);
        check.that(kernels.finish_euclidean_f32(odd_squares.data(), count), "%g at %zu of %zu was missed", value, odd,
                   count);
        for (size_t i = 0; i < count; ++i)
          check.that(is_same(odd_squares[i], i == odd ? std::fabs(value) : 2.0f), "the root at %zu is %g", i,
                     odd_squares[i]);
      }
    }
  }
}

void filters_find_what_is_better(Check& check, const KernelTable& kernels) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Random random(3);
  for (size_t count = 0; count <= 260; count = count < 70 ? count + 1 : count + 19) {
    GuardedFloats memory(count + 1);
    if (!check.that(memory.is_usable(), "no memory")) return;
    float* const scores = memory.at_end(count);
    for (size_t i = 0; i < count; ++i) {
      const float odd[] = {kNan, kInfinity, -kInfinity, 0.0f, -0.0f, 0.25f};
      scores[i] = random.below(3) == 0 ? odd[random.below(6)] : random.value();
    }
    for (const float threshold : {0.25f, 0.0f, -0.0f, 1.0f, -1.0f, kInfinity, -kInfinity, 0.9f, -0.9f}) {
      for (const bool above : {true, false}) {
        constexpr uint32_t kUntouched = 0xffff'ffffu;
        std::vector<uint32_t> survivors(count + 17, kUntouched);
        const auto filter = above ? kernels.above_f32 : kernels.below_f32;
        const size_t found = filter(scores, count, threshold, survivors.data());
        std::vector<uint32_t> expected;
        for (size_t i = 0; i < count; ++i)
          if (above ? scores[i] > threshold : scores[i] < threshold) expected.push_back(static_cast<uint32_t>(i));
        survivors.resize(std::min(found, count));
        check.that(survivors == expected, "%zu scores %s %g: %zu found, %zu expected", count, above ? "above" : "below",
                   threshold, found, expected.size());
      }
    }
    std::vector<uint32_t> none(count + 17, 7);
    check.that(kernels.above_f32(scores, count, kInfinity, none.data()) == 0, "something is above infinity");
  }
}

}  // namespace gearshift::tests
