#pragma once

#include <atomic>
#include <cstdint>

#include "device/lane.h"
#include "operations/operands.h"

namespace gearshift::cuda {

enum class Metric : uint32_t { cosine = kCosine, dot = kDot, euclidean = kEuclidean };

/** How a request runs. */
struct Run {
  Lane& lane;
  const std::atomic<bool>* cancelled = nullptr;
  DevicePhases phases;

  Device& device() noexcept { return lane.device(); }
  bool is_cancelled() const noexcept { return cancelled != nullptr && cancelled->load(std::memory_order_relaxed); }
};

/**
 * A scan: queries against rows of a matrix on the device. The matrix may hold the operand from some row on, or just the
 * candidates, in their order.
 */
struct Scan {
  const DeviceMatrix* matrix;
  /** Number, in the operand, of device row 0. */
  size_t first_row;
  /** Rows [start, end) of the operand; without candidates. */
  size_t start;
  size_t end;
  /** Row numbers, or null. */
  const uint32_t* candidates;
  size_t candidate_count;
  /** Device row i holds candidate i, instead of row i of the operand. */
  bool is_gathered;
  /** query_count x dimensions. */
  const float* queries;
  size_t query_count;
  Metric metric;
  /** Of rows [start, end) only those with a bit are considered: the words of a row set, from that of row `start` on. Or null. */
  const uint32_t* words = nullptr;
  /** How many those are. */
  size_t rows_in_words = 0;

  /** Rows that are gone through. */
  size_t row_count() const noexcept { return candidates != nullptr ? candidate_count : end - start; }
  /** Rows that can be in a ranking. */
  size_t considered_count() const noexcept { return words != nullptr ? rows_in_words : row_count(); }
  /** The bit of row `start` in words[0]. */
  size_t first_bit() const noexcept { return start % 32; }
  size_t word_count() const noexcept { return (first_bit() + row_count() + 31) / 32; }
};

/** scores[query * rows + i], host memory. NaN for rows that are not considered. */
Outcome score(Run& run, const Scan& scan, float* scores) noexcept;

/** indices and scores [query * k + i], host memory, best first. 1 <= k <= considered rows. */
Outcome top_k(Run& run, const Scan& scan, size_t k, uint32_t* indices, float* scores) noexcept;

struct Spread {
  const DeviceGraph* graph;
  /** One value per node, host memory. */
  const float* activations;
  size_t start;
  size_t end;
  /** At least 1; more than 1 only over the whole graph. */
  size_t hops;
  float decay;
  float retention;
  float threshold;
};

/** activations[node - start], host memory. */
Outcome spread(Run& run, const Spread& request, float* activations) noexcept;

/**
 * The three above, on their own: takes care that nothing is under way any more when they return, whatever happened, so that
 * every buffer may be used again.
 */
template <typename Operation>
Outcome run_on_lane(Run& run, const Operation& operation) noexcept {
  const Outcome outcome = operation(run);
  if (!outcome.ok()) run.lane.drain();
  return outcome;
}

}  // namespace gearshift::cuda
