#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "driver/driver_error.h"

namespace gearshift::cuda::binding {

/** An array of a job's own, as large as a user's request: its allocation fails without ending the process. */
template <typename T>
class OwnedArray {
 public:
  OwnedArray() = default;
  OwnedArray(const OwnedArray&) = delete;
  OwnedArray& operator=(const OwnedArray&) = delete;
  ~OwnedArray() { std::free(data_); }

  bool allocate(size_t length) noexcept {
    length_ = length;
    data_ = static_cast<T*>(std::calloc(length + 1, sizeof(T)));
    return data_ != nullptr;
  }
  bool copy_from(const T* source, size_t length) noexcept {
    if (!allocate(length)) return false;
    if (length > 0) std::memcpy(data_, source, length * sizeof(T));
    return true;
  }
  /** Into the caller's array, which may have lost its memory or shrunk since it was checked. */
  Outcome copy_to(napi_env env, napi_value array, napi_typedarray_type wanted) const noexcept {
    napi_typedarray_type type;
    size_t length = 0;
    void* memory = nullptr;
    const bool is_there = napi_get_typedarray_info(env, array, &type, &length, &memory, nullptr, nullptr) == napi_ok &&
                          type == wanted && length >= length_ && (memory != nullptr || length_ == 0);
    if (!is_there) return {Failure::output_gone};
    if (length_ > 0) std::memcpy(memory, data_, length_ * sizeof(T));
    return {};
  }

  T* data() const noexcept { return data_; }
  size_t length() const noexcept { return length_; }

 private:
  T* data_ = nullptr;
  size_t length_ = 0;
};

}  // namespace gearshift::cuda::binding
