#pragma once

#include <cstdint>
#include <cstdlib>

#include "binding/operand_registry.h"

namespace gearshift::binding {

/**
 * The operands one JavaScript thread holds, by number. A number is never given out twice in a row for the same place, so a
 * handle that was released names nothing.
 */
class HandleTable {
 public:
  HandleTable() = default;
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;
  ~HandleTable() { std::free(places_); }

  /** Takes over a reference; 0 when there is no memory. */
  int64_t add(SharedOperand* operand) noexcept {
    if (first_free_ == kNone && !grow()) return 0;
    const uint32_t index = first_free_;
    Place& place = places_[index];
    first_free_ = place.next_free;
    place.operand = operand;
    return handle_at(index);
  }

  SharedOperand* find(int64_t handle) const noexcept {
    const auto index = static_cast<uint64_t>(handle) & kIndexMask;
    if (handle <= 0 || index >= capacity_) return nullptr;
    const Place& place = places_[index];
    return place.generation == static_cast<uint64_t>(handle) >> 24 ? place.operand : nullptr;
  }

  /** Gives the reference back to the caller; null when the handle names nothing. */
  SharedOperand* remove(int64_t handle) noexcept {
    SharedOperand* operand = find(handle);
    if (operand == nullptr) return nullptr;
    const auto index = static_cast<uint32_t>(static_cast<uint64_t>(handle) & kIndexMask);
    places_[index].operand = nullptr;
    places_[index].generation = places_[index].generation % kMostGenerations + 1;
    places_[index].next_free = first_free_;
    first_free_ = index;
    return operand;
  }

  template <typename Visit>
  void clear(const Visit& visit) noexcept {
    for (uint32_t i = 0; i < capacity_; ++i) {
      if (places_[i].operand != nullptr) visit(places_[i].operand, handle_at(i));
      places_[i].operand = nullptr;
    }
  }

 private:
  struct Place {
    SharedOperand* operand;
    uint32_t generation;
    uint32_t next_free;
  };
  static constexpr uint64_t kIndexMask = (1 << 24) - 1;
  static constexpr uint32_t kMostGenerations = (1 << 28) - 1;  // handles stay exact as JavaScript numbers
  static constexpr uint32_t kNone = ~0u;

  int64_t handle_at(uint32_t index) const noexcept {
    return static_cast<int64_t>(places_[index].generation) << 24 | index;
  }

  bool grow() noexcept {
    const uint32_t larger = capacity_ == 0 ? 64 : capacity_ * 2;
    if (larger > kIndexMask) return false;
    auto* places = static_cast<Place*>(std::realloc(places_, larger * sizeof(Place)));
    if (places == nullptr) return false;
    places_ = places;
    for (uint32_t i = larger; i-- > capacity_;) {
      places_[i] = {nullptr, 1, first_free_};
      first_free_ = i;
    }
    capacity_ = larger;
    return true;
  }

  Place* places_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t first_free_ = kNone;
};

}  // namespace gearshift::binding
