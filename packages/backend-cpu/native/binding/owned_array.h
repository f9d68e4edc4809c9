#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace gearshift::binding {

/** An array of a job's own. Allocation can fail without an exception. */
template <typename T>
class OwnedArray {
 public:
  OwnedArray() = default;
  OwnedArray(const OwnedArray&) = delete;
  OwnedArray& operator=(const OwnedArray&) = delete;
  ~OwnedArray() { std::free(data_); }

  /** False: out of memory. The elements have no value yet. */
  bool allocate(size_t length) noexcept {
    std::free(data_);
    data_ = length > SIZE_MAX / sizeof(T) - 1 ? nullptr : static_cast<T*>(std::malloc((length + 1) * sizeof(T)));
    length_ = data_ == nullptr ? 0 : length;
    return data_ != nullptr;
  }

  bool copy_from(const T* source, size_t length) noexcept {
    if (!allocate(length)) return false;
    if (length > 0) std::memcpy(data_, source, length * sizeof(T));
    return true;
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  size_t length() const noexcept { return length_; }

 private:
  T* data_ = nullptr;
  size_t length_ = 0;
};

}  // namespace gearshift::binding
