#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "binding/graph_staging.h"
#include "core/graph.h"
#include "core/matrix.h"

namespace gearshift::binding {

enum class OperandKind : uint8_t { matrix, graph };

/** What names a copy: two threads that give the same key mean the same operand. */
struct OperandKey {
  OperandKind kind;
  int64_t id;  // kPrivateId: a copy of its own, never shared
  int64_t version;
  size_t shape[2];  // rows and dimensions, or nodes and edges
};

constexpr int64_t kPrivateId = -1;

/** Who is to fill a copy, seen from one handle. The same numbers as RESIDENT_STATE in src/addon.ts. */
enum class FillState : int { ready = 0, ours = 1, theirs = 2 };

/**
 * Who fills a copy: one handle of one JavaScript thread. Not the whole thread, because a request that was given up may still
 * be at it when the next one asks for the same operand.
 */
struct Filler {
  const void* thread = nullptr;  // its EnvState
  int64_t handle = 0;

  bool operator==(const Filler& other) const noexcept { return thread == other.thread && handle == other.handle; }
};

/**
 * The process's copy of one operand. Reference-counted: a handle of each thread that uses it, and each job under way.
 * Contents are written by one owner at a time and never again once ready.
 */
class SharedOperand {
 public:
  const OperandKey& key() const noexcept { return key_; }
  bool is_ready() const noexcept { return ready_.load(std::memory_order_acquire); }
  size_t bytes() const noexcept { return matrix ? matrix->bytes() : graph ? graph->bytes() : 0; }

  std::unique_ptr<ResidentMatrix> matrix;
  std::unique_ptr<ResidentGraph> graph;  // null until it was built
  GraphStaging staging;                  // belongs to whoever fills the copy

 private:
  friend class OperandRegistry;
  explicit SharedOperand(const OperandKey& key) noexcept : key_(key) {}

  const OperandKey key_;
  std::atomic<bool> ready_{false};
  // Guarded by the registry's mutex.
  unsigned references_ = 1;
  Filler filler_;  // nobody: an empty one
  SharedOperand* next_ = nullptr;
};

/** All shared copies of the process. Every function may be called from any thread. */
class OperandRegistry {
 public:
  struct Opened {
    SharedOperand* operand;  // with one more reference; null when refused
    int status;
  };
  static Opened open(const OperandKey& key) noexcept;

  /** Who fills the copy; one that nobody is filling becomes `asker`'s to fill. */
  static FillState claim(SharedOperand* operand, const Filler& asker) noexcept;
  static void mark_ready(SharedOperand* operand) noexcept;

  static void retain(SharedOperand* operand) noexcept;
  /** Drops a reference. */
  static void release(SharedOperand* operand) noexcept;
  /** Lets others take over what `owner` has not finished filling. */
  static void give_up(SharedOperand* operand, const Filler& owner) noexcept;
};

}  // namespace gearshift::binding
