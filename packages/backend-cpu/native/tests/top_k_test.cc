// The selection of the best against a full sort, on inputs that are hard for a filter with a buffer.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/scan.h"
#include "core/top_k.h"
#include "groups.h"
#include "oracle.h"
#include "random_values.h"
#include "typed_elements.h"

namespace gearshift::tests {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Ranked {
  uint32_t index;
  float score;
};

/** Better score first, NaN last, ties by lower index. */
std::vector<Ranked> sorted(Metric metric, const std::vector<float>& scores, const std::vector<uint32_t>& indices, size_t k) {
  std::vector<Ranked> all;
  for (size_t i = 0; i < scores.size(); ++i) all.push_back({indices[i], scores[i]});
  std::sort(all.begin(), all.end(), [metric](const Ranked& a, const Ranked& b) {
    if (std::isnan(a.score) != std::isnan(b.score)) return std::isnan(b.score);
    if (!std::isnan(a.score) && a.score != b.score)
      return metric == Metric::euclidean ? a.score < b.score : a.score > b.score;
    return a.index < b.index;
  });
  all.resize(std::min(k, all.size()));
  return all;
}

void compare(Check& check, TopKSelector& selector, const std::vector<Ranked>& expected, size_t k, const char* what) {
  std::vector<uint32_t> indices(k + 1, 77);
  std::vector<float> scores(k + 1, 77.0f);
  const size_t count = selector.finish(indices.data(), scores.data());
  if (!check.that(count == expected.size(), "%s, k = %zu: %zu results, not %zu", what, k, count, expected.size())) return;
  for (size_t i = 0; i < count; ++i) {
    // Zeros of both signs are one number.
    const bool same = scores[i] == expected[i].score || is_same(scores[i], expected[i].score);
    if (!check.that(indices[i] == expected[i].index && same, "%s, k = %zu, place %zu: row %u with %g, not row %u with %g",
                    what, k, i, indices[i], scores[i], expected[i].index, expected[i].score))
      return;
  }
  check.that(indices[count] == 77 && scores[count] == 77.0f, "%s: written behind the results", what);
}

struct Input {
  const char* name;
  std::vector<float> scores;
};

std::vector<Input> hard_inputs(size_t count, Random& random) {
  std::vector<Input> inputs(11);
  const auto make = [&](size_t at, const char* name, auto value) {
    inputs[at].name = name;
    for (size_t i = 0; i < count; ++i) inputs[at].scores.push_back(value(i));
  };
  make(0, "random", [&](size_t) { return random.value(); });
  make(1, "ascending", [&](size_t i) { return static_cast<float>(i); });
  make(2, "descending", [&](size_t i) { return -static_cast<float>(i); });
  make(3, "all equal", [&](size_t) { return 0.5f; });
  make(4, "all NaN", [&](size_t) { return kNan; });
  make(5, "few values", [&](size_t) { return static_cast<float>(random.below(3)); });
  make(6, "half NaN", [&](size_t) { return random.below(2) == 0 ? kNan : random.value(); });
  make(7, "NaN, then numbers", [&](size_t i) { return i < count / 2 ? kNan : random.value(); });
  make(8, "zeros of both signs", [&](size_t) { return random.below(2) == 0 ? 0.0f : -0.0f; });
  make(9, "infinities", [&](size_t) {
    const float odd[] = {kInfinity, -kInfinity, kNan, std::numeric_limits<float>::max(), 0.0f};
    return odd[random.below(5)];
  });
  make(10, "minus infinity", [&](size_t i) { return i % 7 == 0 ? kNan : -kInfinity; });
  return inputs;
}

std::vector<uint32_t> ascending_indices(size_t count) {
  std::vector<uint32_t> indices(count);
  for (size_t i = 0; i < count; ++i) indices[i] = static_cast<uint32_t>(i);
  return indices;
}

void offer_all(const KernelTable& kernels, TopKSelector& selector, const std::vector<float>& scores, size_t from,
               size_t to) {
  for (size_t base = from; base < to; base += TopKSelector::kBlock)
    selector.offer(kernels, &scores[base], base, std::min(TopKSelector::kBlock, to - base));
}

}  // namespace

void selection_equals_a_full_sort(Check& check, const KernelTable& kernels) {
  Random random(30);
  TopKSelector selector;  // one for all, as a thread would use it
  for (const size_t count : {1, 2, 15, 255, 256, 257, 1000, 5000}) {
    for (const Input& input : hard_inputs(count, random)) {
      for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
        for (const size_t k : {1, 2, 10, 16, 100, 255, 256, 1000, 6000}) {
          const std::vector<Ranked> expected = sorted(metric, input.scores, ascending_indices(count), k);
          if (!check.that(selector.reset(k, metric), "no memory")) return;
          offer_all(kernels, selector, input.scores, 0, count);
          compare(check, selector, expected, k, input.name);

          // The same in any order, with gaps between the indices.
          std::vector<uint32_t> indices = ascending_indices(count);
          for (uint32_t& index : indices) index *= 3;
          std::vector<float> scores = input.scores;
          const std::vector<Ranked> expected_indexed = sorted(metric, scores, indices, k);
          for (size_t i = count - 1; i > 0; --i) {
            const size_t other = random.below(i + 1);
            std::swap(scores[i], scores[other]);
            std::swap(indices[i], indices[other]);
          }
          if (!check.that(selector.reset(k, metric), "no memory")) return;
          for (size_t at = 0; at < count; at += 100)
            selector.offer_indexed(&scores[at], &indices[at], std::min<size_t>(100, count - at));
          compare(check, selector, expected_indexed, k, input.name);
        }
      }
    }
  }
}

void selections_merge(Check& check, const KernelTable& kernels) {
  Random random(31);
  const size_t count = 3000;
  for (const Input& input : hard_inputs(count, random)) {
    for (const Metric metric : {Metric::dot, Metric::euclidean}) {
      for (const size_t k : {1, 10, 300, 4000}) {
        const size_t cuts[] = {0, 1, 256, 700, 2999, count};
        TopKSelector parts[5];
        for (size_t part = 0; part < 5; ++part) {
          if (!check.that(parts[part].reset(k, metric), "no memory")) return;
          offer_all(kernels, parts[part], input.scores, cuts[part], cuts[part + 1]);
        }
        // Threads end in any order.
        for (const size_t part : {0, 1, 2, 4}) parts[3].merge(parts[part]);
        compare(check, parts[3], sorted(metric, input.scores, ascending_indices(count), k), k, input.name);
      }
    }
  }
}

namespace {

void check_ranking_of_rows(Check& check, const KernelTable& kernels, ElementFormat format, Random& random) {
  const size_t dimensions = 20;
  const size_t rows = 1500;
  TypedElements elements = random_elements(format, rows * dimensions, random);
  // Equal rows, zero rows, NaN rows (int8 has none): ties and what ranks last.
  const uint32_t nan = special_bits(format).back();
  for (size_t row = 100; row < 200; ++row) std::copy_n(elements.at(0), dimensions * format.bytes(), &elements.bytes[row * dimensions * format.bytes()]);
  for (size_t row = 300; row < 320; ++row)
    for (size_t i = 0; i < dimensions; ++i) elements.replace(row * dimensions + i, 0);
  for (size_t row = 500; row < 1000; row += 7) elements.replace(row * dimensions + 3, nan);
  const std::vector<float> query(elements.values.begin(), elements.values.begin() + dimensions);
  auto resident = ResidentMatrix::allocate(rows, dimensions, ResidentMatrix::Rows::copied, format);
  PreparedQuery prepared;
  if (!check.that(resident != nullptr && prepared.prepare(kernels, query.data(), dimensions), "no memory")) return;
  resident->fill(kernels, elements.bytes.data(), 0, rows);

  TopKSelector selector;
  for (const MatrixView& view : {resident->view(), view_of(elements.bytes.data(), format, rows, dimensions)}) {
    for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
      std::vector<float> scores(rows);
      score_rows(kernels, metric, view, prepared, 0, rows, scores.data());
      for (const size_t k : {1, 10, 150, 1400, 1500}) {
        if (!check.that(selector.reset(k, metric), "no memory")) return;
        for (const auto& [start, end] : {std::pair<size_t, size_t>{0, 700}, {700, 701}, {701, rows}})
          top_k_rows(kernels, metric, view, prepared, start, end, selector);
        compare(check, selector, sorted(metric, scores, ascending_indices(rows), k), k, "rows");

        std::vector<uint32_t> candidates;
        std::vector<float> candidate_scores;
        for (size_t row = rows; row-- > 0;) {
          if (random.below(3) == 0) continue;
          candidates.push_back(static_cast<uint32_t>(row));
          candidate_scores.push_back(scores[row]);
        }
        if (!check.that(selector.reset(k, metric), "no memory")) return;
        top_k_candidates(kernels, metric, view, prepared, candidates.data(), candidates.size(), selector);
        compare(check, selector, sorted(metric, candidate_scores, candidates, k), k, "candidates");
      }
    }
  }
}

}  // namespace

void top_k_ranks_rows(Check& check, const KernelTable& kernels) {
  Random random(32);
  for (const ElementFormat format : kFormats) check_ranking_of_rows(check, kernels, format, random);
}

}  // namespace gearshift::tests
