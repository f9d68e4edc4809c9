#pragma once

#include <cstddef>
#include <utility>

namespace gearshift::kit {

/**
 * A reference to an object that counts its references: T has static functions retain(T*) and release(T*). The count is part
 * of the object, so that taking a reference allocates nothing.
 */
template <typename T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) noexcept {}
  /** Takes over a reference that the caller has. */
  static Ref adopt(T* object) noexcept {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  /** Takes one more. */
  static Ref retain(T* object) noexcept {
    if (object != nullptr) T::retain(object);
    return adopt(object);
  }

  ~Ref() {
    if (object_ != nullptr) T::release(object_);
  }
  Ref(const Ref& other) noexcept : Ref(retain(other.object_)) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  bool operator==(std::nullptr_t) const noexcept { return object_ == nullptr; }
  bool operator!=(std::nullptr_t) const noexcept { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace gearshift::kit
