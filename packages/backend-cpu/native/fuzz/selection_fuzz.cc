// The selection of the k best against a full sort, for scores of any bits that come in blocks, by number, and from two selectors.
#include <algorithm>
#include <cmath>

#include "../tests/oracle.h"
#include "core/top_k.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace gearshift;
  fuzz::Input input(bytes, size);
  const KernelTable& kernels = fuzz::choose_level(input);
  const auto metric = static_cast<Metric>(input.byte() % 3);
  const size_t k = 1 + input.below(300);
  std::vector<float> scores(input.below(4000));
  // Runs of equal, rising and falling scores, as matrices have them.
  for (size_t i = 0; i < scores.size();) {
    const float first = input.number();
    const float step = input.byte() % 2 == 0 ? 0 : input.number();
    const size_t run = 1 + input.below(400);
    for (size_t j = 0; j < run && i < scores.size(); ++j, ++i) scores[i] = first + static_cast<float>(j) * step;
  }
  TopKSelector best, other;
  best.reset(k, metric);
  other.reset(k, metric);
  for (size_t base = 0; base < scores.size(); base += TopKSelector::kBlock) {
    const size_t count = std::min(TopKSelector::kBlock, scores.size() - base);
    const uint8_t way = input.byte();
    if (way % 2 == 0) {
      (way % 4 == 0 ? best : other).offer(kernels, scores.data() + base, base, count);
      continue;
    }
    uint32_t numbers[TopKSelector::kBlock];
    for (size_t i = 0; i < count; ++i) numbers[i] = static_cast<uint32_t>(base + i);
    (way % 4 == 1 ? best : other).offer_indexed(scores.data() + base, numbers, count);
  }
  best.merge(other);
  std::vector<uint32_t> indices(k), order(scores.size());
  std::vector<float> found(k);
  const size_t count = best.finish(indices.data(), found.data());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const float x = scores[a], y = scores[b];
    if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
    if (!std::isnan(x) && x != y) return metric == Metric::euclidean ? x < y : x > y;
    return a < b;
  });
  fuzz::require(count == std::min(k, order.size()), "as many are found as there are");
  for (size_t i = 0; i < count; ++i) {
    fuzz::require(indices[i] == order[i], "the best are those of a full sort");
    fuzz::require(found[i] == scores[order[i]] || tests::is_same(found[i], scores[order[i]]), "with their scores");
  }
  return 0;
}
