#pragma once

#include <memory>
#include <vector>

#include "operations/request.h"
#include "residency/shared_operand.h"

namespace cuda_tests {

using namespace gearshift::cuda;
namespace kit = gearshift::kit;

/** Small numbers in a fixed sequence. */
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2862933555777941757ull + 3037000493ull) {}
  uint32_t below(uint32_t bound) {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<uint32_t>((state_ >> 33) % bound);
  }
  float value() { return static_cast<float>(below(2001)) / 1000.0f - 1.0f; }

 private:
  uint64_t state_;
};

/** A program that uses some of the operations, with what is to come out of it. */
struct Scenario {
  bool scores, ranks, ranks_candidates, spreads;
  size_t rows, dimensions, queries, k;
  std::vector<float> values, query;
  kit::ElementFormat format;
  std::vector<uint8_t> elements;  // of the matrix, in its format; their values are in `values`
  std::vector<uint32_t> candidates;
  std::vector<uint32_t> words;  // of a row set for scores and rankings; empty if there is none
  size_t rows_in_words = 0;
  Metric metric;
  Companion companion = Companion::none;
  size_t nodes, hops;
  std::vector<uint32_t> row_pointers, columns;
  std::vector<float> weights, activations;

  std::vector<double> expected_scores;  // by metric, without the row set

  bool has_row(size_t row) const { return words.empty() || (words[row / 32] >> row % 32 & 1) != 0; }
  std::vector<double> expected_activations;

  enum class Extent { drawn, every_operation, bounded_ranking };
  explicit Scenario(uint64_t seed, Extent extent = Extent::drawn);

 private:
  void draw_elements(Random& random);
};

/** How the steps of a scenario ended. */
struct Trial {
  std::vector<Outcome> failures;
  std::string wrong;  // a success with another result than the expected one; empty if none
};

/** Runs the whole of it on a device that is open. Every failed step is tried a second time. */
Trial run_scenario(const Scenario& scenario, const DeviceRef& device);

}  // namespace cuda_tests
