#include "core/transposed_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <utility>

#include "core/spread.h"

#if defined(__GNUC__)
#define GEARSHIFT_PREFETCH(address) __builtin_prefetch(address)
#else
#define GEARSHIFT_PREFETCH(address) static_cast<void>(address)
#endif

namespace gearshift {
namespace {

/** A hop by senders takes as long as one over all rows when about 3 % of the edges are active. */
constexpr size_t kSparseShare = 32;
/** One call does not much more than so many edges and nodes: some ten milliseconds. */
constexpr size_t kMostWorkOfCall = size_t{1} << 22;

uint32_t bits_of(float value) noexcept {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

/** Calls visit(node, value) for all that is not +0, ascending, until it returns false. */
template <typename Visit>
bool visit_active(const float* x, size_t nodes, const Visit& visit) noexcept {
  constexpr size_t kBlock = 64;
  for (size_t start = 0; start < nodes; start += kBlock) {
    const size_t end = std::min(nodes, start + kBlock);
    uint32_t any = 0;
    for (size_t node = start; node < end; ++node) any |= bits_of(x[node]);
    if (any == 0) continue;
    for (size_t node = start; node < end; ++node)
      if (bits_of(x[node]) != 0 && !visit(node, x[node])) return false;
  }
  return true;
}

unsigned lowest_bit(uint64_t word) noexcept {
#if defined(__GNUC__)
  return static_cast<unsigned>(__builtin_ctzll(word));
#else
  unsigned bit = 0;
  while ((word >> bit & 1) == 0) ++bit;
  return bit;
#endif
}

}  // namespace

bool TransposedGraph::is_sparse(const float* x, size_t nodes) noexcept {
  size_t left = nodes / kSparseShare;
  return visit_active(x, nodes, [&](size_t, float) { return left-- > 0; });
}

BuildProgress TransposedGraphBuilder::advance(size_t budget) noexcept {
  if (made_ == nullptr && !allocate()) return BuildProgress::out_of_memory;
  // Each place is counted two further on, so that filling moves it to where it belongs: next[n + 1] is where the next edge of
  // sender n goes, and first_edges[n + 1] its end once all are there.
  auto* const next = made_->first_edges_.as<uint32_t>();
  if (!is_counted_) {
    const size_t nodes = graph_.nodes();
    bool is_finite = made_->is_finite_;
    is_counted_ = graph_.visit_edges(&position_, budget, [&](uint32_t, uint32_t sender, float weight) {
      is_finite &= std::isfinite(weight);
      if (size_t{sender} + 2 <= nodes) ++next[size_t{sender} + 2];
    });
    made_->is_finite_ = is_finite;
    if (is_counted_) finish_counting();
    return BuildProgress::more;
  }
  auto* const edges = made_->edges_.as<TransposedGraph::Edge>();
  const bool is_filled = graph_.visit_edges(&position_, budget, [&](uint32_t receiver, uint32_t sender, float weight) {
    edges[next[size_t{sender} + 1]++] = {receiver, weight};
  });
  return is_filled ? BuildProgress::ready : BuildProgress::more;
}

bool TransposedGraphBuilder::allocate() noexcept {
  std::unique_ptr<TransposedGraph> made(new (std::nothrow) TransposedGraph);
  if (made == nullptr) return false;
  const size_t nodes = graph_.nodes();
  made->nodes_ = nodes;
  made->most_work_ = (nodes + graph_.edges()) / kSparseShare;
  const size_t words = (nodes + 63) / 64;
  const size_t most_active = std::min(nodes, made->most_work_);
  if (!made->first_edges_.allocate((nodes + 1) * sizeof(uint32_t)) ||
      !made->edges_.allocate(graph_.edges() * sizeof(TransposedGraph::Edge)) ||
      !made->sums_.allocate(nodes * sizeof(double)) || !made->received_.allocate(words * sizeof(uint64_t)) ||
      !made->active_.allocate(most_active * sizeof(ActiveNode)) || !made->next_.allocate(most_active * sizeof(ActiveNode))) {
    return false;
  }
  std::fill(made->first_edges_.as<uint32_t>(), made->first_edges_.as<uint32_t>() + nodes + 1, 0u);
  std::fill(made->sums_.as<double>(), made->sums_.as<double>() + nodes, 0.0);
  std::fill(made->received_.as<uint64_t>(), made->received_.as<uint64_t>() + words, uint64_t{0});
  made_ = std::move(made);
  return true;
}

void TransposedGraphBuilder::finish_counting() noexcept {
  auto* const next = made_->first_edges_.as<uint32_t>();
  for (size_t node = 2; node <= graph_.nodes(); ++node) next[node] += next[node - 1];
  position_ = {};
}

size_t TransposedGraph::spread(const float* x, const SpreadOptions& options, size_t hops, size_t start, size_t end,
                               float* y) noexcept {
  // A node that receives nothing and was 0 must stay so: not if an option is infinite, or makes it -0.
  if (!is_finite_ || bits_of(activation_after_hop(options, 0, 0)) != 0) return 0;
  if (is_in_use_.exchange(true, std::memory_order_acquire)) return 0;
  size_t done = 0;
  if (find_active(x)) {
    size_t work_of_call = 0;
    for (; done < hops && work_of_call < kMostWorkOfCall; ++done) {
      if (active_count_ == 0) {
        done = hops;  // nothing changes any more
        break;
      }
      const size_t work = work_of_hop();
      if (work > most_work_) break;
      work_of_call += work + nodes_ / 64;
      hop(options);
    }
  }
  if (done > 0) {
    if (start < end) std::memset(y, 0, (end - start) * sizeof(float));
    const auto* const active = active_.as<ActiveNode>();
    for (size_t i = 0; i < active_count_; ++i)
      if (active[i].node >= start && active[i].node < end) y[active[i].node - start] = active[i].activation;
  }
  is_in_use_.store(false, std::memory_order_release);
  return done;
}

bool TransposedGraph::find_active(const float* x) noexcept {
  const size_t most_active = std::min(nodes_, most_work_);
  auto* const active = active_.as<ActiveNode>();
  active_count_ = 0;
  return visit_active(x, nodes_, [&](size_t node, float activation) {
    if (active_count_ == most_active) return false;
    active[active_count_++] = {static_cast<uint32_t>(node), activation};
    return true;
  });
}

size_t TransposedGraph::work_of_hop() const noexcept {
  const auto* const active = active_.as<ActiveNode>();
  const auto* const first_edges = first_edges_.as<uint32_t>();
  size_t work = active_count_;
  for (size_t i = 0; i < active_count_ && work <= most_work_; ++i)
    work += first_edges[active[i].node + 1] - first_edges[active[i].node];
  return work;
}

void TransposedGraph::hop(const SpreadOptions& options) noexcept {
  const auto* const active = active_.as<ActiveNode>();
  const auto* const first_edges = first_edges_.as<uint32_t>();
  const auto* const edges = edges_.as<Edge>();
  auto* const sums = sums_.as<double>();
  auto* const received = received_.as<uint64_t>();
  const auto mark = [&](uint32_t node) { received[node / 64] |= uint64_t{1} << (node % 64); };
  // Each of these reads waits for memory, unless it was asked for ahead.
  constexpr size_t kEdgesAhead = 8;
  constexpr size_t kReceiversAhead = 2;
  constexpr uint32_t kMostAhead = 32;
  for (size_t i = 0; i < active_count_; ++i) {
    if (i + kEdgesAhead < active_count_) GEARSHIFT_PREFETCH(edges + first_edges[active[i + kEdgesAhead].node]);
    if (i + kReceiversAhead < active_count_) {
      const uint32_t sender = active[i + kReceiversAhead].node;
      const uint32_t stop = std::min(first_edges[sender + 1], first_edges[sender] + kMostAhead);
      for (uint32_t e = first_edges[sender]; e < stop; ++e) GEARSHIFT_PREFETCH(sums + edges[e].receiver);
    }
    const auto [sender, activation] = active[i];
    mark(sender);
    for (uint32_t e = first_edges[sender]; e < first_edges[sender + 1]; ++e) {
      mark(edges[e].receiver);
      sums[edges[e].receiver] += static_cast<double>(edges[e].weight) * activation;
    }
  }

  auto* const next = next_.as<ActiveNode>();
  size_t next_count = 0;
  size_t sender = 0;  // its place among the active ones, in step with the nodes
  const size_t words = (nodes_ + 63) / 64;
  for (size_t word = 0; word < words; ++word) {
    for (uint64_t left = std::exchange(received[word], 0); left != 0; left &= left - 1) {
      const auto node = static_cast<uint32_t>(word * 64 + lowest_bit(left));
      const bool was_active = sender < active_count_ && active[sender].node == node;
      const float before = was_active ? active[sender++].activation : 0.0f;
      const float activation = activation_after_hop(options, before, std::exchange(sums[node], 0.0));
      if (bits_of(activation) != 0) next[next_count++] = {node, activation};
    }
  }
  std::swap(active_, next_);
  active_count_ = next_count;
}

}  // namespace gearshift
#undef GEARSHIFT_PREFETCH
