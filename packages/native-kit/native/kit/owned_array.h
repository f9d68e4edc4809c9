#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "kit/store/pages.h"

namespace gearshift::kit {

/**
 * An array of plain values, as large as a user's request. Its allocation reports failure by its result: std::vector would
 * throw, which ends the process in an addon that is built without exceptions. Move-only.
 */
template <typename T>
class OwnedArray {
  static_assert(std::is_trivially_copyable<T>::value, "elements are copied as bytes");

 public:
  OwnedArray() = default;
  ~OwnedArray() { reset(); }
  OwnedArray(OwnedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        length_(std::exchange(other.length_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  OwnedArray& operator=(OwnedArray&& other) noexcept {
    if (this == &other) return *this;
    reset();
    data_ = std::exchange(other.data_, nullptr);
    length_ = std::exchange(other.length_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }
  OwnedArray(const OwnedArray&) = delete;
  OwnedArray& operator=(const OwnedArray&) = delete;

  /** False, and empty, when there is no memory. The elements have no value yet. An array of length 0 has an address too. */
  bool allocate(size_t length) noexcept {
    reset();
    if (!reserve(length)) return false;
    length_ = length;
    return true;
  }

  /** False, and empty, when there is no memory. */
  bool copy_from(const T* source, size_t length) noexcept {
    if (!allocate(length)) return false;
    if (length > 0) std::memcpy(data_, source, length * sizeof(T));
    return true;
  }

  /** False, and as before, when there is no memory. */
  bool push(T value) noexcept {
    if (length_ == capacity_ && !reserve(length_ < kFewest ? kFewest : length_ * 2)) return false;
    data_[length_++] = value;
    return true;
  }

  void reset() noexcept {
    ::operator delete(data_);
    data_ = nullptr;
    length_ = 0;
    capacity_ = 0;
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  size_t length() const noexcept { return length_; }
  bool is_empty() const noexcept { return length_ == 0; }
  T operator[](size_t index) const noexcept { return data_[index]; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + length_; }

 private:
  static constexpr size_t kFewest = 16;

  bool reserve(size_t capacity) noexcept {
    if (capacity > SIZE_MAX / sizeof(T) - 1) return false;
    auto* data = static_cast<T*>(::operator new((capacity + 1) * sizeof(T), std::nothrow));
    if (data == nullptr) return false;
    prepare_to_write(data, capacity * sizeof(T));
    if (length_ > 0) std::memcpy(data, data_, length_ * sizeof(T));
    ::operator delete(data_);
    data_ = data;
    capacity_ = capacity;
    return true;
  }

  T* data_ = nullptr;
  size_t length_ = 0;
  size_t capacity_ = 0;
};

}  // namespace gearshift::kit
