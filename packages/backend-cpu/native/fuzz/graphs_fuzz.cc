// Graphs: those that are invalid are refused; of the others every way to spread has the bits of the specification, whatever the tiles,
// the steps of building and the range; nothing is read or written beyond the arrays.
#include <cmath>
#include <memory>

#include "../tests/oracle.h"
#include "../tests/specified_spread.h"
#include "core/floating_point_mode.h"
#include "core/graph_builder.h"
#include "core/spread.h"
#include "core/transposed_graph.h"
#include "fuzz_input.h"

namespace {

using namespace gearshift;
using namespace gearshift::tests;

/** As large as they have to be and no larger, for what watches over memory. */
struct Graph {
  std::vector<uint32_t> row_pointers{0};
  std::vector<uint32_t> columns;
  std::vector<float> weights;

  size_t nodes() const { return row_pointers.size() - 1; }
  CsrArrays arrays() { return {row_pointers.data(), columns.data(), weights.data(), nodes(), columns.size()}; }
};

/** A few bytes give many edges: a row repeats, ascends, or goes on with numbers that follow from its first. */
Graph read_graph(fuzz::Input& input) {
  const size_t nodes = input.below(1200);
  Graph graph;
  float weight = 1;
  for (size_t node = 0; node < nodes; ++node) {
    const uint8_t kind = input.byte();
    const size_t length = kind < 128 ? kind % 8 : kind < 250 ? kind % 40 : 250 + size_t{20} * (kind - 250);
    auto column = static_cast<uint32_t>(length > 0 ? input.below(nodes) : 0);
    const uint32_t step = length > 1 ? input.byte() : 0;
    for (size_t i = 0; i < length; ++i) {
      if (i % 16 == 0) weight = input.number();
      graph.columns.push_back(column);
      graph.weights.push_back(i % 2 == 0 ? weight : -0.75f * weight);
      column = static_cast<uint32_t>((column + step) % nodes);
    }
    graph.row_pointers.push_back(static_cast<uint32_t>(graph.columns.size()));
  }
  return graph;
}

/** Changes one number of a graph, which may make it invalid. */
void spoil(fuzz::Input& input, Graph& graph) {
  const auto number = static_cast<uint32_t>(input.below(1500));
  if (input.byte() % 2 == 0 || graph.columns.empty()) graph.row_pointers[input.below(graph.row_pointers.size())] = number;
  else graph.columns[input.below(graph.columns.size())] = number;
}

bool is_valid(const Graph& graph) {
  if (graph.row_pointers.front() != 0 || graph.row_pointers.back() != graph.columns.size()) return false;
  if (!std::is_sorted(graph.row_pointers.begin(), graph.row_pointers.end())) return false;
  return std::all_of(graph.columns.begin(), graph.columns.end(), [&](uint32_t column) { return column < graph.nodes(); });
}

bool has_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float left, float right) {
    return is_same(left, right) && (std::isnan(left) || std::signbit(left) == std::signbit(right));
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  fuzz::Input input(bytes, size);
  const KernelTable& kernels = fuzz::choose_level(input);
  const SpreadOptions options{input.number(), input.number(), std::fabs(input.number())};
  const size_t budget = 1 + input.below(4000);
  const size_t tile_nodes = input.byte() % 2 == 0 ? 0 : 1 + input.below(1200);
  const size_t active = input.byte();
  const bool is_spoilt = input.byte() % 8 == 0;
  const size_t hops = 1 + input.byte() % 4;
  const size_t from = input.below(1200), to = input.below(1200);
  Graph graph = read_graph(input);
  if (is_spoilt) spoil(input, graph);
  const size_t nodes = graph.nodes();
  std::vector<float> x(nodes, 0.0f);
  for (size_t i = 0; i < active && nodes > 0; ++i) x[(from + i * i) % nodes] = input.number();

  Graph sorted = graph;
  GraphBuilder builder(sorted.arrays(), tile_nodes);
  BuildProgress progress;
  while ((progress = builder.advance(budget)) == BuildProgress::more) {
  }
  if (progress == BuildProgress::out_of_memory) return 0;
  fuzz::require((progress == BuildProgress::ready) == is_valid(graph), "exactly the invalid graphs are refused");
  if (progress != BuildProgress::ready) return 0;
  const std::unique_ptr<ResidentGraph> resident = builder.take();
  fuzz::require(resident->nodes() == nodes && resident->edges() == graph.columns.size(), "the counts are those of the graph");

  const KeepSubnormals keep;
  const CsrArrays csr = graph.arrays();
  std::vector<float> expected(nodes);
  for (size_t node = 0; node < nodes; ++node) {
    const float activation = specified_spread(csr, x.data(), options.decay, options.retention, node);
    expected[node] = std::fabs(activation) < options.threshold ? 0.0f : activation;
  }
  std::vector<float> all(nodes);
  spread_rows(kernels, *resident, x.data(), options, 0, nodes, all.data());
  fuzz::require(has_bits(all, expected), "a hop has the bits of the specification");
  const size_t start = nodes == 0 ? 0 : from % nodes;
  const size_t end = start + to % (nodes - start + 1);
  std::vector<float> part(end - start);
  spread_rows(kernels, *resident, x.data(), options, start, end, part.data());
  fuzz::require(has_bits(part, {all.data() + start, all.data() + end}), "a range has the bits of the whole");

  TransposedGraphBuilder transposer(*resident);
  while ((progress = transposer.advance(budget)) == BuildProgress::more) {
  }
  if (progress == BuildProgress::out_of_memory) return 0;
  const std::unique_ptr<TransposedGraph> transposed = transposer.take();
  std::vector<float> pushed(nodes);
  const size_t done = transposed->spread(x.data(), options, hops, 0, nodes, pushed.data());
  fuzz::require(done <= hops, "no more hops are done than were asked for");
  if (done == 0) return 0;
  for (size_t hop = 1; hop < done; ++hop) {
    std::vector<float> next(nodes);
    spread_rows(kernels, *resident, all.data(), options, 0, nodes, next.data());
    all = next;
  }
  fuzz::require(has_bits(pushed, all), "active nodes alone give the bits of all rows");
  return 0;
}
