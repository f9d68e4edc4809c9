#pragma once

#include <node_api.h>

#include <cstring>

#include "kit/owned_array.h"
#include "kit/status.h"
#include "kit/store/pages.h"

namespace gearshift::kit {

/** Copies an output into the caller's array, which may have lost its memory or shrunk since it was checked. */
template <typename T>
Status copy_out(napi_env env, napi_value array, napi_typedarray_type wanted, const OwnedArray<T>& values) noexcept {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr) != napi_ok || type != wanted ||
      length < values.length() || (data == nullptr && !values.is_empty())) {
    return kOutputGone;
  }
  prepare_to_write(data, values.length() * sizeof(T));
  if (!values.is_empty()) std::memcpy(data, values.data(), values.length() * sizeof(T));
  return kDone;
}

}  // namespace gearshift::kit
