#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "core/transposed_graph.h"

namespace gearshift::binding {

/**
 * The transposed form of a graph. It takes as long as some tens of hops, so it is due once so many hops have read all rows
 * although few nodes were active: rent or buy. Any thread may call these.
 */
class TransposedForm {
 public:
  /** Hops over all rows that take as long as making the form. */
  static constexpr uint32_t kPriceInHops = 16;

  TransposedForm() noexcept = default;
  ~TransposedForm() { delete form_.load(std::memory_order_relaxed); }
  TransposedForm(const TransposedForm&) = delete;
  TransposedForm& operator=(const TransposedForm&) = delete;

  /** Null: there is none yet. */
  TransposedGraph* get() const noexcept { return form_.load(std::memory_order_acquire); }
  size_t bytes() const noexcept { return get() == nullptr ? 0 : get()->bytes(); }

  /** Counts a hop that the form would have saved. */
  void count_hop() noexcept { hops_.fetch_add(1, std::memory_order_relaxed); }
  /** Whether the form is due. Then the count begins anew, so that a form that cannot be had is not asked for at every request. */
  bool take_due() noexcept {
    if (hops_.load(std::memory_order_relaxed) < kPriceInHops || get() != nullptr) return false;
    return hops_.exchange(0, std::memory_order_relaxed) >= kPriceInHops;
  }

  /**
   * Goes on with making the form for about `budget` edges; `ready` also if there is one or another thread is about it. What one
   * thread has begun and not finished, any other goes on with.
   */
  BuildProgress make(const ResidentGraph& graph, size_t budget) noexcept {
    if (is_being_made_.exchange(true, std::memory_order_acquire)) return BuildProgress::ready;
    const BuildProgress progress = get() != nullptr ? BuildProgress::ready : advance(graph, budget);
    is_being_made_.store(false, std::memory_order_release);
    return progress;
  }

 private:
  BuildProgress advance(const ResidentGraph& graph, size_t budget) noexcept {
    if (builder_ == nullptr) builder_.reset(new (std::nothrow) TransposedGraphBuilder(graph));
    const BuildProgress progress = builder_ == nullptr ? BuildProgress::out_of_memory : builder_->advance(budget);
    if (progress == BuildProgress::ready) form_.store(builder_->take().release(), std::memory_order_release);
    if (progress != BuildProgress::more) builder_.reset();
    return progress;
  }

  std::unique_ptr<TransposedGraphBuilder> builder_;  // of the thread that makes the form
  std::atomic<TransposedGraph*> form_{nullptr};
  std::atomic<uint32_t> hops_{0};
  std::atomic<bool> is_being_made_{false};
};

}  // namespace gearshift::binding
