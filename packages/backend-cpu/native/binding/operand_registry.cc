#include "binding/operand_registry.h"

#include <mutex>
#include <new>

#include "binding/status.h"

namespace gearshift::binding {
namespace {

constexpr size_t kBuckets = 1024;

// Process-wide by nature: this is what lets threads share one copy. Plain pointers, so that no static destructor frees
// memory which threads still read when the process exits without unloading the addon.
std::mutex registry_mutex;
SharedOperand* buckets[kBuckets] = {};

SharedOperand** bucket_of(const OperandKey& key) noexcept {
  // Ids carry the thread in their high half.
  const auto id = static_cast<uint64_t>(key.id);
  return &buckets[(id ^ (id >> 32) * 31) % kBuckets];
}

bool names_same(const OperandKey& a, const OperandKey& b) noexcept { return a.id == b.id && a.version == b.version; }

bool has_same_shape(const OperandKey& a, const OperandKey& b) noexcept {
  return a.kind == b.kind && a.shape[0] == b.shape[0] && a.shape[1] == b.shape[1];
}

}  // namespace

OperandRegistry::Opened OperandRegistry::open(const OperandKey& key) noexcept {
  std::lock_guard<std::mutex> lock(registry_mutex);
  SharedOperand** bucket = bucket_of(key);
  if (key.id != kPrivateId) {
    for (SharedOperand* operand = *bucket; operand != nullptr; operand = operand->next_) {
      if (!names_same(operand->key_, key)) continue;
      if (!has_same_shape(operand->key_, key)) return {nullptr, kShapeConflict};
      ++operand->references_;
      return {operand, kDone};
    }
  }
  std::unique_ptr<SharedOperand> created(new (std::nothrow) SharedOperand(key));
  if (created == nullptr) return {nullptr, kOutOfMemory};
  if (key.kind == OperandKind::matrix) {
    created->matrix = ResidentMatrix::allocate(key.shape[0], key.shape[1]);
    if (created->matrix == nullptr) return {nullptr, kOutOfMemory};
  }
  if (key.id != kPrivateId) {
    created->next_ = *bucket;
    *bucket = created.get();
  }
  return {created.release(), kDone};
}

FillState OperandRegistry::claim(SharedOperand* operand, const Filler& asker) noexcept {
  if (operand->is_ready()) return FillState::ready;
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (operand->is_ready()) return FillState::ready;
  if (operand->filler_ == Filler{}) operand->filler_ = asker;
  return operand->filler_ == asker ? FillState::ours : FillState::theirs;
}

void OperandRegistry::mark_ready(SharedOperand* operand) noexcept {
  operand->ready_.store(true, std::memory_order_release);
}

void OperandRegistry::retain(SharedOperand* operand) noexcept {
  std::lock_guard<std::mutex> lock(registry_mutex);
  ++operand->references_;
}

void OperandRegistry::release(SharedOperand* operand) noexcept {
  std::unique_ptr<SharedOperand> last;
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (--operand->references_ > 0) return;
  last.reset(operand);  // freed after the mutex is
  for (SharedOperand** link = bucket_of(operand->key_); *link != nullptr; link = &(*link)->next_) {
    if (*link != operand) continue;
    *link = operand->next_;
    break;
  }
}

void OperandRegistry::give_up(SharedOperand* operand, const Filler& owner) noexcept {
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (operand->filler_ == owner) operand->filler_ = {};
}

}  // namespace gearshift::binding
