#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "pool/clock.h"
#include "pool/thread_pool.h"
#include "pool/throughput.h"

namespace gearshift {

/** How a call may use the process: threads, time, and a flag that ends it. */
struct Execution {
  ThreadPool* pool;
  unsigned max_threads;                          // including the caller; at least 1
  int64_t slice_ns = 0;                          // no chunk starts later than this after the call began; 0: none
  const std::atomic<bool>* cancelled = nullptr;  // no chunk starts once it is true

  unsigned seats() const noexcept { return std::max(1u, std::min(max_threads, pool->thread_limit())); }
};

/** Work over items (rows, candidates, nodes) as its duration is judged. */
struct ItemCost {
  double bytes_per_item;
  double passes = 1;  // over the same bytes, all but the first from a near cache
  size_t grain = 16;  // chunks begin on multiples of this; with 16 neighbours that write 4 bytes an item share no cache line
  bool is_typical = true;  // else its time says nothing about other work of so many bytes
  double least_chunk_bytes = 32 << 10;
  double most_chunk_bytes = 1 << 20;
};

/** One thread's time for `items`. */
inline double estimate_items_ns(const Throughput& throughput, ItemCost cost, size_t items) noexcept {
  constexpr size_t kNearBytes = 256 * 1024;
  const double bytes = cost.bytes_per_item * static_cast<double>(items);
  const double near_ns_per_byte = throughput.estimate_ns(kNearBytes) / static_cast<double>(kNearBytes);
  return throughput.estimate_ns(static_cast<size_t>(bytes)) + (cost.passes - 1) * bytes * near_ns_per_byte;
}

/**
 * Runs `body(begin, end, seat)` over the items [from, end): at once for short work, else in chunks that others may take.
 *
 * @return the first item that was not reached: `end`, unless the slice was over or the call was cancelled
 */
template <typename Body>
size_t run_in_chunks(const Execution& execution, Throughput& throughput, ItemCost cost, size_t from, size_t end,
                     Body& body) noexcept {
  constexpr double kChunksPerThread = 8;
  constexpr double kFarBytes = 8 << 20;

  if (from >= end) return end;
  const size_t items = end - from;
  const double bytes = cost.bytes_per_item * static_cast<double>(items);
  if (bytes * cost.passes < Throughput::kLeastMeasuredBytes) {
    body(from, end, 0);
    return end;
  }

  const int64_t begun_ns = now_ns();
  const double estimated_ns = estimate_items_ns(throughput, cost, items);
  const unsigned seats = execution.seats();
  const bool shared = execution.pool->is_worth_sharing(estimated_ns, seats);
  const double chunk_bytes =
      shared ? std::clamp(bytes * cost.passes / (seats * kChunksPerThread), cost.least_chunk_bytes, cost.most_chunk_bytes)
             : cost.most_chunk_bytes;
  size_t chunk_items = std::max<size_t>(1, static_cast<size_t>(chunk_bytes / (cost.bytes_per_item * cost.passes)));
  // Large items, of which a grain would be too much for one chunk, are cut between any two.
  const size_t grain = cost.bytes_per_item * static_cast<double>(cost.grain) > cost.most_chunk_bytes ? 1 : cost.grain;
  chunk_items = std::max(grain, chunk_items - chunk_items % grain);
  const size_t origin = from - from % grain;

  struct Context {
    Body* body;
    size_t from, end, origin, chunk_items;
  } context{&body, from, end, origin, chunk_items};
  const ChunkedWork work{[](void* opaque, size_t chunk, unsigned seat) noexcept {
                           const auto* c = static_cast<Context*>(opaque);
                           const size_t begin = c->origin + chunk * c->chunk_items;
                           (*c->body)(std::max(c->from, begin), std::min(c->end, begin + c->chunk_items), seat);
                         },
                         &context, (end - origin + chunk_items - 1) / chunk_items};
  const int64_t deadline_ns = execution.slice_ns == 0 ? 0 : begun_ns + execution.slice_ns;
  const ChunkedOutcome outcome =
      execution.pool->run(work, {shared ? seats : 1, estimated_ns, deadline_ns, execution.cancelled});

  const size_t reached = std::clamp(origin + outcome.chunks_done * chunk_items, from, end);
  // What several threads take together says little about one, except where memory sets the pace.
  const bool tells = cost.is_typical && cost.passes == 1 && reached > from && (outcome.threads == 1 || bytes > kFarBytes);
  if (tells) {
    const double share = static_cast<double>(reached - from) / static_cast<double>(items);
    throughput.record(static_cast<size_t>(bytes), static_cast<double>(now_ns() - begun_ns) * outcome.threads / share);
  }
  return reached;
}

}  // namespace gearshift
