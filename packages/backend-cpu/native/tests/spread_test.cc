// Spreading over graphs with very different rows, and the checks of a graph.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "core/floating_point_mode.h"
#include "core/graph_builder.h"
#include "core/spread.h"
#include "groups.h"
#include "guarded_floats.h"
#include "oracle.h"
#include "random_values.h"

namespace gearshift::tests {
namespace {

struct Graph {
  std::vector<uint32_t> row_pointers{0};
  std::vector<uint32_t> columns;
  std::vector<float> weights;

  size_t nodes() const { return row_pointers.size() - 1; }
  size_t length(size_t node) const { return row_pointers[node + 1] - row_pointers[node]; }
  CsrView view() const { return {row_pointers.data(), columns.data(), weights.data(), nodes(), columns.size()}; }
};

template <typename LengthOf>
Graph make_graph(size_t nodes, Random& random, LengthOf length_of) {
  Graph graph;
  for (size_t node = 0; node < nodes; ++node) {
    const size_t length = length_of(node);
    for (size_t i = 0; i < length; ++i) {
      graph.columns.push_back(static_cast<uint32_t>(random.below(nodes)));
      graph.weights.push_back(random.value());
    }
    graph.row_pointers.push_back(static_cast<uint32_t>(graph.columns.size()));
  }
  return graph;
}

/** Degrees of a power law: most nodes have a few edges, some have thousands. */
size_t power_law(Random& random, size_t most) {
  const double u = (random.value() + 1.0) / 2 + 1e-6;
  return std::min(most, static_cast<size_t>(1 / std::pow(u, 1.2)));
}

std::vector<Graph> graphs(Random& random) {
  std::vector<Graph> all;
  for (const size_t nodes : {0, 1, 2, 15, 16, 17, 33, 1023, 1024, 1025, 3000}) {
    all.push_back(make_graph(nodes, random, [&](size_t) { return random.below(20); }));
    all.push_back(make_graph(nodes, random, [](size_t) { return size_t{0}; }));
  }
  all.push_back(make_graph(5000, random, [&](size_t) { return power_law(random, 5000); }));
  all.push_back(make_graph(2000, random, [](size_t node) { return node == 1500 ? size_t{100'003} : size_t{3}; }));
  all.push_back(make_graph(1100, random, [](size_t node) { return size_t{250} + node % 400; }));
  for (const size_t length : {255, 256, 257, 258, 271, 272, 273})
    all.push_back(make_graph(40, random, [length](size_t node) { return node % 3 == 0 ? length : node; }));
  return all;
}

/** Built in steps of `budget`; how many it took. */
size_t build(const Graph& graph, size_t budget, std::unique_ptr<ResidentGraph>* built, BuildProgress* outcome) {
  const CsrView csr = graph.view();
  GraphBuilder builder(csr);
  size_t steps = 1;
  while ((*outcome = builder.advance(budget)) == BuildProgress::more) ++steps;
  *built = builder.take();
  return steps;
}

std::unique_ptr<ResidentGraph> build(Check& check, const Graph& graph, size_t budget = SIZE_MAX) {
  std::unique_ptr<ResidentGraph> built;
  BuildProgress outcome;
  build(graph, budget, &built, &outcome);
  check.that(outcome == BuildProgress::ready && built != nullptr, "the graph was refused");
  return built;
}

constexpr float kDecay = 0.85f;
constexpr float kRetention = 0.5f;

std::vector<float> spread_all(const KernelTable& kernels, const ResidentGraph& graph, const std::vector<float>& x,
                              float threshold) {
  std::vector<float> y(graph.nodes(), -7);
  spread_rows(kernels, graph, x.data(), kDecay, kRetention, threshold, 0, graph.nodes(), y.data());
  return y;
}

}  // namespace

void spreading_agrees_with_f64(Check& check, const KernelTable& kernels) {
  Random random(40);
  for (const Graph& graph : graphs(random)) {
    const std::unique_ptr<ResidentGraph> resident = build(check, graph);
    if (resident == nullptr) return;
    check.that(resident->nodes() == graph.nodes() && resident->edges() == graph.columns.size(), "the counts differ");
    const size_t nodes = graph.nodes();
    const std::vector<float> values = random.values(nodes);
    // Sources behind the last node must not be read.
    GuardedFloats memory(nodes + 1);
    if (!check.that(memory.is_usable(), "no memory")) return;
    float* const x = memory.at_end(nodes);
    std::copy(values.begin(), values.end(), x);
    for (const float threshold : {0.0f, 0.3f}) {
      const std::vector<float> y = spread_all(kernels, *resident, values, threshold);
      for (size_t node = 0; node < nodes; ++node) {
        double sum = 0;
        double magnitude = 0;
        for (size_t edge = graph.row_pointers[node]; edge < graph.row_pointers[node + 1]; ++edge) {
          const double product = static_cast<double>(graph.weights[edge]) * values[graph.columns[edge]];
          sum += product;
          magnitude += std::fabs(product);
        }
        const double activation = static_cast<double>(kRetention) * values[node] + static_cast<double>(kDecay) * sum;
        // Of docs/semantics.md: two sums in double precision, and their rounding to float32.
        const double error = 2.0 * static_cast<double>(graph.length(node) + 2) * 0x1p-53 * (magnitude + std::fabs(values[node])) +
                             0x1p-23 * std::fabs(activation);
        const bool near_threshold = std::fabs(std::fabs(activation) - threshold) <= error;
        const double expected = std::fabs(activation) < threshold ? 0 : activation;
        check.that(is_close(y[node], expected, error) || (near_threshold && (y[node] == 0 || std::fabs(y[node]) >= threshold)),
                   "node %zu of %zu with %zu edges: %g, not %g", node, nodes, graph.length(node), y[node], expected);
      }
      // Any range gives the same bits, and writes nothing outside of it.
      for (int range = 0; range < 12; ++range) {
        const size_t start = random.below(nodes + 1);
        const size_t end = start + random.below(nodes + 1 - start);
        std::vector<float> part(end - start + 2, -7);
        spread_rows(kernels, *resident, x, kDecay, kRetention, threshold, start, end, part.data() + 1);
        size_t differ = 0;
        for (size_t node = start; node < end; ++node) differ += !is_same(part[1 + node - start], y[node]);
        check.that(differ == 0, "%zu nodes of [%zu, %zu) of %zu differ", differ, start, end, nodes);
        check.that(part.front() == -7 && part.back() == -7, "written outside of [%zu, %zu)", start, end);
      }
    }
  }
}

void spreading_drops_what_is_below_the_threshold(Check& check, const KernelTable& kernels) {
  const Graph graph = [] {
    Graph edges;
    edges.row_pointers = {0, 1, 2, 3, 4};
    edges.columns = {3, 3, 3, 3};
    edges.weights = {0.5f, -0.5f, 0x1.fffffep-2f, -0x1.fffffep-2f};  // the last two: one unit in the last place less
    return edges;
  }();
  const std::unique_ptr<ResidentGraph> resident = build(check, graph);
  if (resident == nullptr) return;
  const float x[] = {0, 0, 0, 1};
  const auto spread = [&](float threshold) {
    std::vector<float> y(4, -7);
    spread_rows(kernels, *resident, x, 1, 0, threshold, 0, 4, y.data());
    return y;
  };
  check.that(spread(0.5f) == std::vector<float>({0.5f, -0.5f, 0, 0}), "what is as large as the threshold stays");
  check.that(spread(0.75f) == std::vector<float>(4, 0), "what is smaller goes");
  check.that(spread(0) == graph.weights, "without a threshold all of it stays");
}

namespace {

/** The specification, src/portable/spread-hops.ts, in C++. */
float specified(const Graph& graph, const std::vector<float>& x, float decay, float retention, size_t node) {
  volatile double sum = 0;  // no compiler may fuse or reorder
  for (size_t edge = graph.row_pointers[node]; edge < graph.row_pointers[node + 1]; ++edge) {
    const volatile double product = static_cast<double>(graph.weights[edge]) * x[graph.columns[edge]];
    sum = sum + product;
  }
  const volatile double kept = static_cast<double>(retention) * x[node];
  const volatile double received = static_cast<double>(decay) * sum;
  return static_cast<float>(kept + received);
}

void compare_with_the_specification(Check& check, const KernelTable& kernels, const Graph& graph,
                                    const std::vector<float>& x, float decay, float retention, const char* what) {
  const std::unique_ptr<ResidentGraph> resident = build(check, graph);
  if (resident == nullptr) return;
  const KeepSubnormals keep;
  std::vector<float> y(graph.nodes(), -7);
  spread_rows(kernels, *resident, x.data(), decay, retention, 0, 0, graph.nodes(), y.data());
  for (size_t node = 0; node < graph.nodes(); ++node) {
    const float expected = specified(graph, x, decay, retention, node);
    check.that(is_same(y[node], expected), "%s: node %zu with %zu edges: %a, not %a", what, node, graph.length(node),
               static_cast<double>(y[node]), static_cast<double>(expected));
  }
}

}  // namespace

void spreading_has_the_bits_of_the_specification(Check& check, const KernelTable& kernels) {
  Random random(41);
  for (const Graph& graph : graphs(random))
    compare_with_the_specification(check, kernels, graph, random.values(graph.nodes()), kDecay, kRetention, "random");

  // Magnitudes from the smallest subnormal to the largest float32, so that products, sums and shares leave the range of
  // float32 on both sides, and sums cancel.
  constexpr float kLargest = std::numeric_limits<float>::max();
  const auto extreme = [&] { return std::ldexp(random.value(), static_cast<int>(random.below(279)) - 151); };
  for (const size_t hub : {3, 256, 257, 3000}) {
    Graph graph = make_graph(40, random, [hub](size_t node) { return node % 5 == 0 ? hub : node; });
    std::vector<float> x(graph.nodes());
    for (float& weight : graph.weights) weight = extreme();
    for (float& value : x) value = extreme();
    for (const float decay : {0.85f, kLargest, 0x1p-149f, -0x1p-100f})
      for (const float retention : {0.0f, kLargest, -0x1p-149f})
        compare_with_the_specification(check, kernels, graph, x, decay, retention, "extreme");
  }

  for (const size_t length : {3, 40, 255, 257, 1000}) {
    Graph graph = make_graph(20, random, [length](size_t node) { return node == 7 ? length : 0; });
    for (size_t edge = 0; edge < length; ++edge) graph.weights[edge] = edge + 1 < length ? 3e38f : -3e38f;
    const std::vector<float> ones(graph.nodes(), 1);
    compare_with_the_specification(check, kernels, graph, ones, 0.5f / static_cast<float>(length), 0, "large sum");
    compare_with_the_specification(check, kernels, graph, ones, 0.5f, 0, "sum beyond float32");
    compare_with_the_specification(check, kernels, graph, std::vector<float>(graph.nodes(), 0x1p-149f), 1, 1, "subnormal");
  }
}

void spreading_keeps_nan_to_its_neighbours(Check& check, const KernelTable& kernels) {
  Random random(42);
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Graph graph = make_graph(2100, random, [&](size_t node) { return node == 70 ? size_t{700} : random.below(40); });
    const std::unique_ptr<ResidentGraph> resident = build(check, graph);
    if (resident == nullptr) return;
    for (const size_t source : {size_t{0}, size_t{5}, size_t{2099}}) {
      std::vector<float> x = random.values(graph.nodes());
      x[source] = odd;
      const std::vector<float> y = spread_all(kernels, *resident, x, 0.01f);
      for (size_t node = 0; node < graph.nodes(); ++node) {
        const auto* const first = &graph.columns[graph.row_pointers[node]];
        const bool is_neighbour = std::count(first, first + graph.length(node), source) != 0 || node == source;
        check.that(std::isfinite(y[node]) != is_neighbour, "node %zu %s a neighbour of %zu and became %g", node,
                   is_neighbour ? "is" : "is not", source, y[node]);
      }
    }
  }
}

void graphs_are_checked(Check& check, const KernelTable&) {
  Graph good;
  good.row_pointers = {0, 2, 2, 3};
  good.columns = {0, 2, 1};
  good.weights = {1, 2, 3};
  const auto status_of = [](const Graph& graph) {
    std::unique_ptr<ResidentGraph> built;
    BuildProgress outcome;
    build(graph, 1, &built, &outcome);
    return (built != nullptr) == (outcome == BuildProgress::ready) ? outcome : BuildProgress::out_of_memory;
  };
  check.that(status_of(good) == BuildProgress::ready, "a good graph was refused");
  const auto refuses = [&](const char* what, auto spoil) {
    Graph spoilt = good;
    spoil(spoilt);
    check.that(status_of(spoilt) == BuildProgress::invalid, "accepted: %s", what);
  };
  refuses("a column that is no node", [](Graph& graph) { graph.columns[1] = 3; });
  refuses("a column of all ones", [](Graph& graph) { graph.columns[2] = 0xffff'ffffu; });
  refuses("offsets that descend", [](Graph& graph) { graph.row_pointers[2] = 1; });
  refuses("a first offset that is not 0", [](Graph& graph) { graph.row_pointers[0] = 1; });
  refuses("a last offset short of the edges", [](Graph& graph) { graph.row_pointers[3] = 2; });
  refuses("a last offset beyond the edges", [](Graph& graph) { graph.row_pointers[3] = 4; });
  refuses("an offset far beyond the edges", [](Graph& graph) { graph.row_pointers[1] = 0xffff'fff0u; });
  // More nodes than a slice can number; no offset but the first may be looked at.
  const uint32_t none = 0;
  GraphBuilder too_many({&none, nullptr, nullptr, (size_t{1} << 32) + 1, 0});
  check.that(too_many.advance(1) == BuildProgress::invalid, "accepted: nodes that 32 bits cannot number");
}

void graphs_are_built_in_steps(Check& check, const KernelTable& kernels) {
  Random random(43);
  for (const Graph& graph : graphs(random)) {
    const std::vector<float> x = random.values(graph.nodes());
    const std::unique_ptr<ResidentGraph> whole = build(check, graph);
    if (whole == nullptr) return;
    const std::vector<float> expected = spread_all(kernels, *whole, x, 0.1f);
    for (const size_t budget : {1, 7, 1000}) {
      std::unique_ptr<ResidentGraph> built;
      BuildProgress outcome;
      const size_t steps = build(graph, budget, &built, &outcome);
      if (!check.that(outcome == BuildProgress::ready, "refused in steps of %zu", budget)) return;
      check.that(built->bytes() == whole->bytes(), "steps of %zu: %zu bytes, not %zu", budget, built->bytes(), whole->bytes());
      const std::vector<float> y = spread_all(kernels, *built, x, 0.1f);
      check.that(std::equal(y.begin(), y.end(), expected.begin(), is_same), "steps of %zu: other results", budget);
      // Every edge is checked once and laid out once, and no step does much more than it may, within a long row either.
      const size_t work = 2 * graph.columns.size() + graph.nodes();
      check.that(steps >= work / (budget + 2 * ResidentGraph::kLanes), "%zu edges in %zu steps of %zu",
                 graph.columns.size(), steps, budget);
    }
  }
}

void spreading_reaches_columns_beyond_signed_numbers(Check& check, const KernelTable& kernels) {
  constexpr size_t kSigned = size_t{1} << 31;
  check.that(&spreading_kernels(kernels, 0) == &kernels && &spreading_kernels(kernels, kSigned) == &kernels,
             "the level's own kernels reach columns below 2^31");
  const KernelTable& large = spreading_kernels(kernels, kSigned + 1);
  check.that(std::strcmp(large.name, "portable") == 0, "'%s' spreads over more than 2^31 nodes", large.name);
#if defined(__linux__)
  // The last of 2^31 + 1 values, of which the pages that are never touched take no memory.
  const size_t bytes = kSigned * sizeof(float) + 4096;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  auto* const x = static_cast<float*>(memory);
  x[0] = 3;
  x[kSigned] = 5;
  const uint32_t columns[16] = {0, kSigned};
  const float weights[16] = {1, 1};
  const uint32_t lengths[16] = {1, 1};
  double sums[16];
  large.slice_sums_f32(columns, weights, lengths, x, sums);
  check.that(sums[0] == 3 && sums[1] == 5, "the values are %g and %g, not 3 and 5", sums[0], sums[1]);
  munmap(memory, bytes);
#endif
}

}  // namespace gearshift::tests
