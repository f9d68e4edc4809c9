// Spreading over graphs with very different rows, and the checks of a graph.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "core/floating_point_mode.h"
#include "core/graph_builder.h"
#include "core/row_sorter.h"
#include "core/spread.h"
#include "core/transposed_graph.h"
#include "groups.h"
#include "guarded_floats.h"
#include "oracle.h"
#include "random_values.h"
#include "specified_spread.h"

namespace gearshift::tests {
namespace {

struct Graph {
  std::vector<uint32_t> row_pointers{0};
  std::vector<uint32_t> columns;
  std::vector<float> weights;

  size_t nodes() const { return row_pointers.size() - 1; }
  size_t length(size_t node) const { return row_pointers[node + 1] - row_pointers[node]; }
  CsrArrays arrays() { return {row_pointers.data(), columns.data(), weights.data(), nodes(), columns.size()}; }
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
size_t build(Graph graph, size_t budget, std::unique_ptr<ResidentGraph>* built, BuildProgress* outcome, size_t tile_nodes = 0) {
  GraphBuilder builder(graph.arrays(), tile_nodes);
  size_t steps = 1;
  while ((*outcome = builder.advance(budget)) == BuildProgress::more) ++steps;
  *built = builder.take();
  return steps;
}

std::unique_ptr<ResidentGraph> build(Check& check, const Graph& graph, size_t tile_nodes = 0) {
  std::unique_ptr<ResidentGraph> built;
  BuildProgress outcome;
  build(graph, SIZE_MAX, &built, &outcome, tile_nodes);
  check.that(outcome == BuildProgress::ready && built != nullptr, "the graph was refused");
  return built;
}

constexpr float kDecay = 0.85f;
constexpr float kRetention = 0.5f;

/** The same level with the slice sums that spread_rows() does not choose on this CPU. */
KernelTable with_other_sums(const KernelTable& kernels) {
  KernelTable other = kernels;
  std::swap(other.add_slice_sums_f32, other.add_slice_sums_by_loads_f32);
  return other;
}

std::vector<float> spread_all(const KernelTable& kernels, const ResidentGraph& graph, const std::vector<float>& x,
                              float threshold) {
  std::vector<float> y(graph.nodes(), -7);
  spread_rows(kernels, graph, x.data(), {kDecay, kRetention, threshold}, 0, graph.nodes(), y.data());
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
        spread_rows(kernels, *resident, x, {kDecay, kRetention, threshold}, start, end, part.data() + 1);
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
    spread_rows(kernels, *resident, x, {1, 0, threshold}, 0, 4, y.data());
    return y;
  };
  check.that(spread(0.5f) == std::vector<float>({0.5f, -0.5f, 0, 0}), "what is as large as the threshold stays");
  check.that(spread(0.75f) == std::vector<float>(4, 0), "what is smaller goes");
  check.that(spread(0) == graph.weights, "without a threshold all of it stays");
}

namespace {

void compare_with_the_specification(Check& check, const KernelTable& kernels, const Graph& graph,
                                    const std::vector<float>& x, float decay, float retention, const char* what) {
  std::vector<float> expected(graph.nodes());
  Graph copy = graph;
  for (size_t node = 0; node < graph.nodes(); ++node)
    expected[node] = specified_spread(copy.arrays(), x.data(), decay, retention, node);
  for (const size_t tile_nodes : {size_t{0}, size_t{7}, graph.nodes() / 2 + 1}) {
    const std::unique_ptr<ResidentGraph> resident = build(check, graph, tile_nodes);
    if (resident == nullptr) return;
    const KeepSubnormals keep;
    for (const KernelTable& table : {kernels, with_other_sums(kernels)}) {
      std::vector<float> y(graph.nodes(), -7);
      spread_rows(table, *resident, x.data(), {decay, retention, 0}, 0, graph.nodes(), y.data());
      for (size_t node = 0; node < graph.nodes(); ++node) {
        check.that(is_same(y[node], expected[node]), "%s, %zu tiles: node %zu with %zu edges: %a, not %a", what,
                   resident->tiles(), node, graph.length(node), static_cast<double>(y[node]),
                   static_cast<double>(expected[node]));
      }
    }
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

void spreading_sums_by_ascending_sender(Check& check, const KernelTable& kernels) {
  // 1 is lost beside 1e30, so the sums tell the order: senders 0, 0, 1, 2 whatever the order of the list.
  Graph graph;
  graph.row_pointers = {0, 4, 8, 8, 308};
  graph.columns = {2, 0, 1, 0, 0, 0, 1, 2};
  graph.weights = {-1e30f, 1, 1e30f, 2, 1e30f, 1, -1e30f, 5};
  for (uint32_t edge = 0; edge < 300; ++edge) {
    graph.columns.push_back(edge < 297 ? 3 - edge % 2 : 1);
    graph.weights.push_back(edge < 297 ? 1.0f : edge == 297 ? 1e30f : edge == 298 ? -1e30f : 7.0f);
  }
  for (const size_t tile_nodes : {0, 1, 2}) {
    const std::unique_ptr<ResidentGraph> resident = build(check, graph, tile_nodes);
    if (resident == nullptr) return;
    const std::vector<float> x(4, 1);
    std::vector<float> y(4, -7);
    spread_rows(kernels, *resident, x.data(), {1, 0, 0}, 0, 4, y.data());
    check.that(y == std::vector<float>({0, 5, 0, 304}), "%zu tiles: %g, %g, %g, %g", resident->tiles(), y[0], y[1], y[2], y[3]);
  }
}

void rows_are_sorted_in_steps(Check& check, const KernelTable&) {
  Random random(44);
  RowSorter sorter;
  for (const size_t length : {0, 1, 2, 15, 16, 17, 32, 33, 100, 1000, 40'000}) {
    for (const size_t budget : {size_t{1}, size_t{50}, SIZE_MAX}) {
      std::vector<uint32_t> columns(length);
      std::vector<float> weights(length);
      for (size_t i = 0; i < length; ++i) {
        columns[i] = static_cast<uint32_t>(random.below(length / 2 + 1));
        weights[i] = static_cast<float>(i);  // tells whether repeats keep their order
      }
      std::vector<size_t> order(length);
      std::iota(order.begin(), order.end(), size_t{0});
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return columns[a] < columns[b]; });
      std::vector<uint32_t> expected;
      std::vector<float> expected_weights;
      for (const size_t i : order) {
        expected.push_back(columns[i]);
        expected_weights.push_back(weights[i]);
      }
      if (!check.that(sorter.enter(columns.data(), weights.data(), length), "no memory")) return;
      size_t steps = 1;
      for (size_t left = budget; !sorter.advance(&left); left = budget) ++steps;
      check.that(columns == expected && weights == expected_weights, "%zu edges in steps of %zu", length, budget);
      check.that(budget == SIZE_MAX ? steps == 1 : steps >= length / (budget + 16), "%zu edges in %zu steps of %zu", length,
                 steps, budget);
    }
  }
}

void tiles_have_the_same_bits(Check& check, const KernelTable& kernels) {
  Random random(45);
  std::vector<Graph> all = graphs(random);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (size_t i = 0, count = all.size(); i < count; ++i) {
    Graph odd = all[i];
    for (float& weight : odd.weights)
      if (random.below(50) == 0) weight = random.below(2) == 0 ? kInfinity : std::numeric_limits<float>::quiet_NaN();
    all.push_back(odd);
  }
  for (const Graph& graph : all) {
    const size_t nodes = graph.nodes();
    std::vector<float> x = random.values(nodes);
    for (float& value : x)
      if (random.below(100) == 0) value = random.below(2) == 0 ? -kInfinity : 0.0f;
    const std::unique_ptr<ResidentGraph> whole = build(check, graph, nodes + 1);
    if (whole == nullptr) return;
    const std::vector<float> expected = spread_all(kernels, *whole, x, 0.1f);
    for (const size_t tile_nodes : {size_t{1000}, nodes / 3 + 1, nodes < 100 ? size_t{1} : size_t{100}}) {
      const std::unique_ptr<ResidentGraph> resident = build(check, graph, tile_nodes);
      if (resident == nullptr) return;
      check.that(resident->tiles() == std::max<size_t>(1, (nodes + tile_nodes - 1) / tile_nodes), "%zu nodes in %zu tiles of %zu",
                 nodes, resident->tiles(), tile_nodes);
      const std::vector<float> y = spread_all(with_other_sums(kernels), *resident, x, 0.1f);
      check.that(std::equal(y.begin(), y.end(), expected.begin(), is_same), "%zu nodes, tiles of %zu: other results", nodes,
                 tile_nodes);
      for (int range = 0; range < 4; ++range) {
        const size_t start = random.below(nodes + 1);
        const size_t end = start + random.below(nodes + 1 - start);
        std::vector<float> part(end - start + 2, -7);
        spread_rows(kernels, *resident, x.data(), {kDecay, kRetention, 0.1f}, start, end, part.data() + 1);
        check.that(std::equal(part.begin() + 1, part.end() - 1, expected.begin() + static_cast<ptrdiff_t>(start), is_same),
                   "tiles of %zu: [%zu, %zu) of %zu differs", tile_nodes, start, end, nodes);
        check.that(part.front() == -7 && part.back() == -7, "written outside of [%zu, %zu)", start, end);
      }
    }
  }
}

namespace {

/** Zeros but for `active` nodes. */
std::vector<float> sparse_values(Random& random, size_t nodes, size_t active) {
  std::vector<float> x(nodes, 0);
  for (size_t i = 0; i < active && nodes > 0; ++i) x[random.below(nodes)] = random.value();
  return x;
}

std::unique_ptr<TransposedGraph> transpose(const ResidentGraph& graph, size_t budget) {
  TransposedGraphBuilder builder(graph);
  while (builder.advance(budget) == BuildProgress::more) {
  }
  return builder.take();
}

bool has_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](float left, float right) {
    return is_same(left, right) && (std::isnan(left) || std::signbit(left) == std::signbit(right));
  });
}

}  // namespace

void active_nodes_have_the_bits_of_all_rows(Check& check, const KernelTable& kernels) {
  Random random(46);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  size_t done_in_all = 0;
  size_t given_up = 0;
  const KeepSubnormals keep;
  for (const Graph& graph : graphs(random)) {
    const size_t nodes = graph.nodes();
    for (const size_t tile_nodes : {size_t{0}, nodes / 2 + 1}) {
      const std::unique_ptr<ResidentGraph> resident = build(check, graph, tile_nodes);
      if (resident == nullptr) return;
      const std::unique_ptr<TransposedGraph> transposed = transpose(*resident, tile_nodes == 0 ? SIZE_MAX : 100);
      if (!check.that(transposed != nullptr, "not transposed")) return;
      check.that(transposed->bytes() >= graph.columns.size() * 8 + nodes * 12, "%zu bytes", transposed->bytes());
      for (const SpreadOptions options : {SpreadOptions{0.85f, 0.5f, 0}, SpreadOptions{0.85f, 0, 0.05f},
                                          SpreadOptions{-0.5f, 1, 1e-6f}, SpreadOptions{0, 0, 0}}) {
        for (size_t active = 0; active < 6; ++active) {
          std::vector<float> x = sparse_values(random, nodes, active);
          if (nodes > 0 && active == 3) x[random.below(nodes)] = kInfinity;
          if (nodes > 0 && active == 4) x[random.below(nodes)] = kNan;
          if (nodes > 0 && active == 5) x[random.below(nodes)] = -0.0f;
          for (const size_t hops : {1, 2, 5}) {
            std::vector<float> y(nodes, -7);
            const size_t done = transposed->spread(x.data(), options, hops, 0, nodes, y.data());
            done_in_all += done;
            given_up += done < hops;
            check.that(done <= hops, "%zu of %zu hops", done, hops);
            std::vector<float> expected = x;
            for (size_t hop = 0; hop < done; ++hop) {
              std::vector<float> after(nodes);
              spread_rows(kernels, *resident, expected.data(), options, 0, nodes, after.data());
              expected = after;
            }
            if (done == 0) expected.assign(nodes, -7);
            check.that(has_bits(y, expected), "%zu of %zu hops from %zu of %zu nodes: other bits", done, hops, active, nodes);
          }
          const size_t start = random.below(nodes + 1);
          const size_t end = start + random.below(nodes + 1 - start);
          std::vector<float> part(end - start + 2, -7);
          if (transposed->spread(x.data(), options, 1, start, end, part.data() + 1) == 0) continue;
          std::vector<float> expected(end - start);
          spread_rows(kernels, *resident, x.data(), options, start, end, expected.data());
          check.that(has_bits({part.begin() + 1, part.end() - 1}, expected), "[%zu, %zu) of %zu differs", start, end, nodes);
          check.that(part.front() == -7 && part.back() == -7, "written outside of [%zu, %zu)", start, end);
        }
      }
    }
  }
  check.that(done_in_all > 2000 && given_up > 200, "%zu hops were done, %zu times too many nodes were active", done_in_all, given_up);
}

void active_nodes_are_left_to_all_rows_where_zeros_count(Check& check, const KernelTable&) {
  Random random(47);
  Graph graph = make_graph(3000, random, [](size_t) { return size_t{8}; });
  std::vector<float> x(3000, 0);
  x[5] = 1;
  std::vector<float> y(3000, -7);
  const auto hops_done = [&](const SpreadOptions& options) -> size_t {
    const std::unique_ptr<ResidentGraph> resident = build(check, graph);
    if (resident == nullptr) return 99;
    const std::unique_ptr<TransposedGraph> transposed = transpose(*resident, SIZE_MAX);
    return transposed == nullptr ? 99 : transposed->spread(x.data(), options, 1, 0, 3000, y.data());
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  check.that(hops_done({1, 1, 0}) == 1, "one active node of 3000");
  check.that(hops_done({kInfinity, 1, 0}) == 0 && hops_done({1, kInfinity, 0}) == 0, "infinity times 0 is not a number");
  check.that(hops_done({-1, -1, 0}) == 0 && hops_done({-1, -1, 0.1f}) == 1, "0 becomes -0, unless a threshold makes it 0");
  graph.weights[100] = kInfinity;
  check.that(hops_done({1, 1, 0}) == 0, "an infinite weight makes 0 not a number");
  graph.weights[100] = 1;
  x.assign(3000, 1);
  y.assign(3000, -7);
  check.that(hops_done({1, 1, 0}) == 0 && y == std::vector<float>(3000, -7), "all nodes are active");
  check.that(!TransposedGraph::is_sparse(x.data(), 3000), "all nodes are active");
  std::fill(x.begin() + 93, x.end(), 0.0f);
  check.that(TransposedGraph::is_sparse(x.data(), 3000), "93 of 3000 are active");
  x[2999] = -0.0f;
  check.that(!TransposedGraph::is_sparse(x.data(), 3000), "94 of 3000 are active");
  const std::unique_ptr<ResidentGraph> resident = build(check, graph);
  if (resident == nullptr) return;
  TransposedGraphBuilder builder(*resident);
  size_t steps = 1;
  while (builder.advance(16) == BuildProgress::more) ++steps;
  check.that(steps >= 2 * graph.columns.size() / 32, "%zu edges in %zu steps of 16", graph.columns.size(), steps);
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
      const std::vector<float> y = spread_all(source == 5 ? with_other_sums(kernels) : kernels, *resident, x, 0.01f);
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
      const std::vector<float> y = spread_all(with_other_sums(kernels), *built, x, 0.1f);
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
  double sums[16] = {};
  large.add_slice_sums_f32(columns, weights, lengths, x, sums);
  check.that(sums[0] == 3 && sums[1] == 5, "the values are %g and %g, not 3 and 5", sums[0], sums[1]);
  munmap(memory, bytes);
#endif
}

}  // namespace gearshift::tests
