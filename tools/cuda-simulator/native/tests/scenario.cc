#include "scenario.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "device/lane_store.h"
#include "operations/widen.h"

namespace cuda_tests {
namespace {

constexpr double kTolerance = 1e-4;

double reference(const Scenario& scenario, size_t query, size_t row) {
  double dot = 0, query_norm = 0, row_norm = 0, distance = 0;
  for (size_t i = 0; i < scenario.dimensions; ++i) {
    const double q = scenario.query[query * scenario.dimensions + i];
    const double r = scenario.values[row * scenario.dimensions + i];
    dot += q * r;
    query_norm += q * q;
    row_norm += r * r;
    distance += (q - r) * (q - r);
  }
  switch (scenario.metric) {
    case Metric::cosine: return query_norm == 0 || row_norm == 0 ? 0 : dot / std::sqrt(query_norm * row_norm);
    case Metric::dot: return dot;
    case Metric::euclidean: break;
  }
  return std::sqrt(distance);
}

bool is_close(double value, double expected) {
  return std::isfinite(value) && std::fabs(value - expected) <= kTolerance * (1 + std::fabs(expected));
}

/** Steps with their failures kept, each tried twice. */
class Steps {
 public:
  /** @param between  runs before the second attempt */
  Steps(Trial& trial, std::function<void()> between) : trial_(trial), between_(std::move(between)) {}

  /** @param check  what is wrong with a result that counts as a success, or an empty text */
  bool step(const std::function<Outcome()>& attempt, const std::function<std::string()>& check) {
    for (int i = 0; i < 2; ++i) {
      if (i > 0) between_();
      const Outcome outcome = attempt();
      if (outcome.ok()) {
        const std::string wrong = check();
        if (!wrong.empty() && trial_.wrong.empty()) trial_.wrong = wrong;
        return true;
      }
      trial_.failures.push_back(outcome);
    }
    return false;
  }

 private:
  Trial& trial_;
  const std::function<void()> between_;
};

/**
 * On a lane of its own. After a failure on another one: what that left under way, if anything, would write into memory that
 * this one has been given.
 */
Outcome on_lane(const DeviceRef& device, const Trial& trial, const std::function<Outcome(Run&)>& operation) {
  std::unique_ptr<BorrowedLane> used_before;
  if (!trial.failures.empty()) used_before = std::make_unique<BorrowedLane>(*device);
  BorrowedLane lane(*device);
  if (!lane.outcome().ok()) return lane.outcome();
  Run run{*lane, nullptr, {}};
  return run_on_lane(run, operation);
}

std::string check_ranking(const Scenario& scenario, const Scan& scan, const std::vector<uint32_t>& indices,
                          const std::vector<float>& scores, size_t k) {
  const bool ascends = scenario.metric == Metric::euclidean;
  for (size_t q = 0; q < scenario.queries; ++q) {
    std::vector<uint32_t> rows;
    if (scan.candidates != nullptr) rows.assign(scan.candidates, scan.candidates + scan.candidate_count);
    for (size_t row = scan.start; row < scan.end && scan.candidates == nullptr; ++row) {
      if (scan.words == nullptr || scenario.has_row(row)) rows.push_back(static_cast<uint32_t>(row));
    }
    const auto score = [&](uint32_t row) { return scenario.expected_scores[q * scenario.rows + row]; };
    std::sort(rows.begin(), rows.end(), [&](uint32_t a, uint32_t b) { return ascends ? score(a) < score(b) : score(a) > score(b); });
    std::vector<bool> seen(scenario.rows);
    for (size_t i = 0; i < k; ++i) {
      const uint32_t row = indices[q * k + i];
      if (row >= scenario.rows || seen[row]) return "a ranking names a row twice, or none";
      if (scan.words != nullptr && !scenario.has_row(row)) return "a ranking names a row that is left out";
      seen[row] = true;
      // The same score as the row that belongs here: rounding may swap two that are as good as equal.
      if (!is_close(scores[q * k + i], score(row)) || !is_close(scores[q * k + i], score(rows[i]))) return "a ranking is wrong";
    }
  }
  return "";
}

}  // namespace

Scenario::Scenario(uint64_t seed, Extent extent) {
  const bool is_whole = extent == Extent::every_operation;
  const bool is_bounded = extent == Extent::bounded_ranking;
  Random random(seed);
  const uint32_t operation = random.below(4);
  scores = is_whole || (operation == 0 && !is_bounded);
  ranks = is_whole || is_bounded || operation == 1;
  ranks_candidates = is_whole || (operation == 2 && !is_bounded);
  spreads = is_whole || (operation == 3 && !is_bounded);
  rows = 1 + random.below(random.below(16) == 0 ? 400 : 40);
  dimensions = 1 + random.below(20);
  queries = 1 + random.below(random.below(3) == 0 ? 10 : 2);
  k = 1 + random.below(static_cast<uint32_t>(rows));
  metric = static_cast<Metric>(random.below(3));
  if (is_bounded || (!is_whole && random.below(16) == 0)) {
    // Enough for bounds from fewer bits.
    companion = is_bounded ? Companion::float16 : static_cast<Companion>(random.below(3));
    k = is_bounded ? 1 : 1 + random.below(5);
    rows = companion == Companion::int8 ? 4 * kSelectMostK : 4 * (64 + 2 * k);
    queries = companion == Companion::none ? kQueryGroup + 1 + random.below(12) : 1 + random.below(3);
  }
  draw_elements(random);
  for (size_t i = 0; i < queries * dimensions; ++i) query.push_back(random.value());
  for (uint32_t row = 0; row < rows; ++row) {
    if (random.below(2) == 0) candidates.push_back(row);
  }
  if (candidates.empty()) candidates.push_back(0);
  // A ranking by bounds considers all rows, of which it has just enough (certified.cc draws row sets for them).
  if (is_whole || (!is_bounded && random.below(3) == 0)) {
    const uint32_t one_in = 1 + random.below(8);
    words.assign((rows + 31) / 32, 0);
    for (size_t row = 0; row < rows; ++row) {
      if (row > 0 && random.below(one_in) != 0) continue;
      words[row / 32] |= 1u << row % 32;
      ++rows_in_words;
    }
  }
  nodes = 1 + random.below(60);
  hops = 1 + random.below(3);
  row_pointers.push_back(0);
  for (size_t node = 0; node < nodes; ++node) {
    const uint32_t edges = random.below(40) == 0 ? kLongRowEdges + 5 : random.below(6);
    for (uint32_t edge = 0; edge < edges; ++edge) {
      columns.push_back(random.below(static_cast<uint32_t>(nodes)));
      weights.push_back(random.value() / static_cast<float>(edges));
    }
    row_pointers.push_back(static_cast<uint32_t>(columns.size()));
    activations.push_back(random.value());
  }
  for (size_t q = 0; q < queries; ++q) {
    for (size_t row = 0; row < rows; ++row) expected_scores.push_back(reference(*this, q, row));
  }
  std::vector<double> x(activations.begin(), activations.end());
  for (size_t hop = 0; hop < hops; ++hop) {
    std::vector<double> y(nodes);
    for (size_t node = 0; node < nodes; ++node) {
      double sum = 0;
      for (uint32_t edge = row_pointers[node]; edge < row_pointers[node + 1]; ++edge) sum += double{weights[edge]} * x[columns[edge]];
      y[node] = 0.25 * x[node] + 0.5 * sum;
    }
    x = y;
  }
  expected_activations = x;
}

void Scenario::draw_elements(Random& random) {
  if (random.below(2) == 0) format.type = static_cast<kit::ElementType>(1 + random.below(kit::kElementTypes));
  if (format.type == kit::ElementType::int8) format.scale = 0.01f;
  const size_t count = rows * dimensions;
  for (size_t i = 0; i < count; ++i) {
    const float value = random.value();
    // As float16 from 0.25 to 2.
    const uint32_t half = random.below(2) << 15 | (13 + random.below(3)) << 10 | random.below(1024);
    uint32_t bits = half;
    if (format.type != kit::ElementType::float16) std::memcpy(&bits, &value, sizeof bits);
    if (format.type == kit::ElementType::bfloat16) bits >>= 16;
    if (format.type == kit::ElementType::int8) bits = random.below(255);
    for (size_t byte = 0; byte < format.bytes(); ++byte) elements.push_back(static_cast<uint8_t>(bits >> 8 * byte));
  }
  values.resize(count);
  widen(elements.data(), format, count, values.data());
}

Trial run_scenario(const Scenario& scenario, const DeviceRef& device) {
  Trial trial;
  // Another request, with another result, on another lane: what a failed one left under way would write into its memory.
  kit::Ref<SharedOperand> matrix;
  const std::vector<float> other_queries(scenario.queries * scenario.dimensions, 1.0f);
  Steps steps(trial, [&] {
    if (matrix == nullptr || !matrix->is_ready() || trial.wrong.size() > 0) return;
    const Scan scan{&matrix->matrix, 0, 0, scenario.rows, nullptr, 0, false, other_queries.data(), scenario.queries, Metric::dot};
    std::vector<float> found(scenario.queries * scenario.rows);
    const Outcome outcome = on_lane(device, trial, [&](Run& run) { return score(run, scan, found.data()); });
    if (!outcome.ok()) return;
    for (size_t i = 0; i < found.size(); ++i) {
      const float* row = scenario.values.data() + i % scenario.rows * scenario.dimensions;
      double sum = 0;
      for (size_t j = 0; j < scenario.dimensions; ++j) sum += row[j];
      if (!is_close(found[i], sum)) trial.wrong = "a score after a failure is wrong";
    }
  });
  UploadTime to_the_end;
  to_the_end.may_wait = true;

  const bool has_matrix = (scenario.scores || scenario.ranks || scenario.ranks_candidates) && steps.step(
      [&] {
        matrix = nullptr;
        const OperandKey key{OperandKind::matrix, 1, 1, {scenario.rows, scenario.dimensions}, 0, scenario.format};
        auto [operand, outcome] = open_operand(device, key, scenario.companion);
        matrix = std::move(operand);
        bool finished = false;
        if (outcome.ok()) outcome = matrix->advance_matrix(scenario.elements.data(), scenario.values.size(), to_the_end, &finished);
        if (outcome.ok() && finished) matrix->mark_ready();
        return outcome;
      },
      [&] { return matrix->is_ready() ? "" : "a matrix is not ready"; });

  if (has_matrix) {
    Scan scan{&matrix->matrix, 0, 0, scenario.rows, nullptr, 0, false, scenario.query.data(), scenario.queries, scenario.metric};
    if (!scenario.words.empty()) {
      scan.words = scenario.words.data();
      scan.rows_in_words = scenario.rows_in_words;
    }
    std::vector<float> found(scenario.queries * scenario.rows);
    if (scenario.scores) steps.step([&] { return on_lane(device, trial, [&](Run& run) { return score(run, scan, found.data()); }); },
               [&]() -> std::string {
                 for (size_t i = 0; i < found.size(); ++i) {
                   const bool is_right = scenario.has_row(i % scenario.rows) ? is_close(found[i], scenario.expected_scores[i])
                                                                             : std::isnan(found[i]);
                   if (!is_right) return "a score is wrong";
                 }
                 return "";
               });
    std::vector<uint32_t> indices(scenario.queries * scenario.k);
    std::vector<float> best(indices.size());
    const auto rank = [&](size_t k) {
      steps.step(
          [&] { return on_lane(device, trial, [&](Run& run) { return top_k(run, scan, k, indices.data(), best.data()); }); },
          [&] { return check_ranking(scenario, scan, indices, best, k); });
    };
    if (scenario.ranks) rank(std::min(scenario.k, scan.considered_count()));
    scan.words = nullptr;
    scan.candidates = scenario.candidates.data();
    scan.candidate_count = scenario.candidates.size();
    if (scenario.ranks_candidates) rank(std::min(scenario.k, scenario.candidates.size()));
  }

  kit::Ref<SharedOperand> graph;
  const bool has_graph = scenario.spreads && steps.step(
      [&] {
        graph = nullptr;
        const OperandKey key{OperandKind::graph, 2, 1, {scenario.nodes, scenario.columns.size()}};
        auto [operand, outcome] = open_operand(device, key, Companion::none);
        graph = std::move(operand);
        bool finished = false;
        if (outcome.ok()) {
          outcome = graph->advance_graph(scenario.row_pointers.data(), scenario.columns.data(), scenario.weights.data(), to_the_end,
                                         &finished);
        }
        return outcome;
      },
      [&] { return graph->is_ready() ? "" : "a graph is not ready"; });
  if (has_graph) {
    const Spread request{&graph->graph, scenario.activations.data(), 0, scenario.nodes, scenario.hops, 0.5f, 0.25f, 0.0f};
    std::vector<float> spread_to(scenario.nodes);
    steps.step([&] { return on_lane(device, trial, [&](Run& run) { return spread(run, request, spread_to.data()); }); },
               [&]() -> std::string {
                 for (size_t i = 0; i < spread_to.size(); ++i) {
                   if (!is_close(spread_to[i], scenario.expected_activations[i])) return "an activation is wrong";
                 }
                 return "";
               });
  }
  return trial;
}

}  // namespace cuda_tests
