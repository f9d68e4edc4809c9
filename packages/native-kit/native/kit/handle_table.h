#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "kit/ref.h"

namespace gearshift::kit {

/**
 * The objects that one JavaScript thread holds, by number. A number is never given out twice in a row for the same place, so
 * a handle that was released names nothing.
 */
template <typename T>
class HandleTable {
 public:
  /** Takes over the reference; 0 when there is no memory. */
  int64_t add(Ref<T> object) noexcept {
    if (first_free_ == kNone && !grow()) return 0;
    const uint32_t index = first_free_;
    Place& place = places_[index];
    first_free_ = place.next_free;
    place.object = std::move(object);
    return handle_at(index);
  }

  /** Null when the handle names nothing. */
  T* find(int64_t handle) const noexcept {
    const auto index = static_cast<uint64_t>(handle) & kIndexMask;
    if (handle <= 0 || index >= capacity_) return nullptr;
    const Place& place = places_[index];
    return place.generation == static_cast<uint64_t>(handle) >> 24 ? place.object.get() : nullptr;
  }

  /** Gives the reference to the caller; null when the handle names nothing. */
  Ref<T> remove(int64_t handle) noexcept {
    if (find(handle) == nullptr) return nullptr;
    const auto index = static_cast<uint32_t>(static_cast<uint64_t>(handle) & kIndexMask);
    Place& place = places_[index];
    place.generation = place.generation % kMostGenerations + 1;
    place.next_free = first_free_;
    first_free_ = index;
    return std::move(place.object);
  }

  /** Calls visit(object, handle) for each and then drops its reference. */
  template <typename Visit>
  void clear(const Visit& visit) noexcept {
    for (uint32_t i = 0; i < capacity_; ++i) {
      if (places_[i].object != nullptr) visit(*places_[i].object, handle_at(i));
      places_[i].object = nullptr;
    }
  }

 private:
  struct Place {
    Ref<T> object;
    uint32_t generation = 1;
    uint32_t next_free = 0;
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
    std::unique_ptr<Place[]> places(new (std::nothrow) Place[larger]);
    if (places == nullptr) return false;
    for (uint32_t i = 0; i < capacity_; ++i) places[i] = std::move(places_[i]);
    places_ = std::move(places);
    for (uint32_t i = larger; i-- > capacity_;) {
      places_[i].next_free = first_free_;
      first_free_ = i;
    }
    capacity_ = larger;
    return true;
  }

  std::unique_ptr<Place[]> places_;
  uint32_t capacity_ = 0;
  uint32_t first_free_ = kNone;
};

}  // namespace gearshift::kit
