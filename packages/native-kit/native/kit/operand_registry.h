#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "kit/element_format.h"
#include "kit/ref.h"
#include "kit/status.h"

namespace gearshift::kit {

enum class OperandKind : uint8_t { matrix, graph };

/** What names a copy: two threads that give the same key mean the same operand. */
struct OperandKey {
  OperandKind kind;
  int64_t id;  // kPrivateId: a copy of its own, never shared
  int64_t version;
  size_t shape[2];  // rows and dimensions, or nodes and edges
  int device = 0;   // where the copy is, for backends with several devices
  ElementFormat format{};  // of a matrix
};

constexpr int64_t kPrivateId = -1;

/** Who is to fill a copy, seen from one handle. The same numbers as RESIDENT_STATE in src/addon-entries.ts. */
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
 * The process's copy of one operand. It counts its references: a handle of each thread that uses it, and each job under way.
 * Contents are written by one owner at a time and never again once ready.
 */
class Operand {
 public:
  virtual ~Operand() = default;
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;

  const OperandKey& key() const noexcept { return key_; }
  bool is_ready() const noexcept { return ready_.load(std::memory_order_acquire); }
  /** The contents are complete: from now on any thread may read them. */
  void mark_ready() noexcept { ready_.store(true, std::memory_order_release); }

  static void retain(Operand* operand) noexcept;
  static void release(Operand* operand) noexcept;

 protected:
  explicit Operand(const OperandKey& key) noexcept : key_(key) {}

 private:
  friend class OperandRegistry;

  /** Forgets what was filled so far. Called under the mutex of the registry. */
  virtual void abandon_fill() noexcept {}

  OperandKey key_;
  std::atomic<bool> ready_{false};
  // Guarded by the registry's mutex.
  unsigned references_ = 1;
  Filler filler_;  // empty: there is none
  Operand* next_ = nullptr;
};

/** All shared copies of the process. Every function may be called from any thread. */
class OperandRegistry {
 public:
  /**
   * The copy with this key, of which the caller gets a reference.
   *
   * @param create makes the copy where there is none: a std::unique_ptr<T>, or null after it has noted why
   * @param status kShapeConflict when the name belongs to an operand of another shape or of other elements, else kDone
   * @return null when there is a conflict, or `create` failed
   */
  template <typename T, typename Create>
  static Ref<T> open(const OperandKey& key, Status* status, const Create& create) noexcept {
    std::lock_guard<std::mutex> lock(mutex());
    Operand* found = find(key, status);
    if (found != nullptr || *status != kDone) return Ref<T>::adopt(static_cast<T*>(found));
    std::unique_ptr<T> created = create();
    if (created != nullptr) insert(created.get());
    return Ref<T>::adopt(created.release());
  }

  /** Who fills the copy; one without a filler becomes `asker`'s to fill. */
  static FillState claim(Operand& operand, const Filler& asker) noexcept;
  /** Lets others take over what `owner` has not finished filling. */
  static void give_up(Operand& operand, const Filler& owner) noexcept;

  /**
   * Makes a ready copy one of another version, which `asker` is to complete. False, and nothing happened, when there is
   * another reference to the copy, or a copy of that version already.
   */
  static bool change_version(Operand& operand, int64_t version, const Filler& asker) noexcept {
    OperandKey key = operand.key_;
    key.version = version;
    return change_key(operand, key, asker, [] { return true; });
  }

  /**
   * The same for a copy that gets another shape as well.
   *
   * @param prepare changes the copy, to which no other thread has access; false if it cannot
   */
  template <typename Prepare>
  static bool change_key(Operand& operand, const OperandKey& key, const Filler& asker, const Prepare& prepare) noexcept {
    std::lock_guard<std::mutex> lock(mutex());
    if (!may_change(operand, key) || !prepare()) return false;
    // The bucket depends on the id alone, so that the copy stays where it is.
    operand.key_ = key;
    operand.ready_.store(false, std::memory_order_release);
    operand.filler_ = asker;
    return true;
  }

 private:
  friend class Operand;

  static std::mutex& mutex() noexcept;
  /** With one more reference; null when there is none, or one of another shape or of other elements. */
  static Operand* find(const OperandKey& key, Status* status) noexcept;
  static bool may_change(const Operand& operand, const OperandKey& key) noexcept;
  static void insert(Operand* operand) noexcept;
  static void remove(Operand* operand) noexcept;
};

}  // namespace gearshift::kit
