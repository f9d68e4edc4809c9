#include "kit/operand_registry.h"

namespace gearshift::kit {
namespace {

constexpr size_t kBuckets = 1024;

// Process-wide by nature: this is what lets threads share one copy. Plain pointers, so that no static destructor frees
// memory which threads still read when the process exits without unloading the addon.
std::mutex registry_mutex;
Operand* buckets[kBuckets] = {};

Operand*& bucket_of(const OperandKey& key) noexcept {
  // Ids carry the thread in their high half.
  const auto id = static_cast<uint64_t>(key.id);
  return buckets[(id ^ (id >> 32) * 31) % kBuckets];
}

bool has_same_name(const OperandKey& a, const OperandKey& b) noexcept {
  return a.id == b.id && a.version == b.version && a.device == b.device;
}

bool has_same_shape(const OperandKey& a, const OperandKey& b) noexcept {
  return a.kind == b.kind && a.shape[0] == b.shape[0] && a.shape[1] == b.shape[1] && a.format == b.format;
}

}  // namespace

void Operand::retain(Operand* operand) noexcept {
  std::lock_guard<std::mutex> lock(registry_mutex);
  ++operand->references_;
}

void Operand::release(Operand* operand) noexcept {
  std::unique_ptr<Operand> last;
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (--operand->references_ > 0) return;
  last.reset(operand);  // freed after the mutex is
  OperandRegistry::remove(operand);
}

std::mutex& OperandRegistry::mutex() noexcept { return registry_mutex; }

Operand* OperandRegistry::find(const OperandKey& key, Status* status) noexcept {
  *status = kDone;
  if (key.id == kPrivateId) return nullptr;
  for (Operand* operand = bucket_of(key); operand != nullptr; operand = operand->next_) {
    if (!has_same_name(operand->key_, key)) continue;
    if (!has_same_shape(operand->key_, key)) {
      *status = kShapeConflict;
      return nullptr;
    }
    ++operand->references_;
    return operand;
  }
  return nullptr;
}

void OperandRegistry::insert(Operand* operand) noexcept {
  if (operand->key_.id == kPrivateId) return;
  Operand*& bucket = bucket_of(operand->key_);
  operand->next_ = bucket;
  bucket = operand;
}

void OperandRegistry::remove(Operand* operand) noexcept {
  for (Operand** link = &bucket_of(operand->key_); *link != nullptr; link = &(*link)->next_) {
    if (*link != operand) continue;
    *link = operand->next_;
    return;
  }
}

FillState OperandRegistry::claim(Operand& operand, const Filler& asker) noexcept {
  if (operand.is_ready()) return FillState::ready;
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (operand.is_ready()) return FillState::ready;
  if (operand.filler_ == Filler{}) operand.filler_ = asker;
  return operand.filler_ == asker ? FillState::ours : FillState::theirs;
}

void OperandRegistry::give_up(Operand& operand, const Filler& owner) noexcept {
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (!(operand.filler_ == owner)) return;
  if (!operand.is_ready()) operand.abandon_fill();
  operand.filler_ = {};
}

bool OperandRegistry::may_change(const Operand& operand, const OperandKey& key) noexcept {
  // References are made under the mutex, or from one that is held: the caller's is the only one, or it is not.
  if (operand.references_ != 1 || !operand.is_ready() || operand.key_.id == kPrivateId || operand.key_.id != key.id) {
    return false;
  }
  for (const Operand* other = bucket_of(key); other != nullptr; other = other->next_) {
    if (has_same_name(other->key_, key)) return false;
  }
  return true;
}

}  // namespace gearshift::kit
