// The simulated driver as tests in JavaScript see it. Loading this addon loads the driver under its own name, so that a
// product which asks the system for libcuda.so.1 afterwards is given this one.
#include <node_api.h>

#include <cstring>

#include "control.h"

namespace {

constexpr size_t kMostNameBytes = 64;

bool read_name(napi_env env, napi_value value, char* name) {
  size_t length = 0;
  return napi_get_value_string_utf8(env, value, name, kMostNameBytes, &length) == napi_ok;
}

napi_value set(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count = 2;
  char name[kMostNameBytes];
  int64_t value = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || !read_name(env, arguments[0], name) ||
      napi_get_value_int64(env, arguments[1], &value) != napi_ok || !cuda_simulator_set(name, value)) {
    napi_throw_range_error(env, nullptr, "name: the simulator has no such setting");
  }
  return nullptr;
}

napi_value get(napi_env env, napi_callback_info info) {
  napi_value argument = nullptr;
  size_t count = 1;
  char name[kMostNameBytes];
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || !read_name(env, argument, name)) {
    napi_throw_type_error(env, nullptr, "name: expected a text");
    return nullptr;
  }
  napi_value result = nullptr;
  napi_create_int64(env, cuda_simulator_get(name), &result);
  return result;
}

napi_value message(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, cuda_simulator_message(), NAPI_AUTO_LENGTH, &result);
  return result;
}

/** [[name, bytes of each parameter...]...] */
napi_value kernels(napi_env env, napi_callback_info) {
  napi_value list = nullptr;
  napi_create_array(env, &list);
  for (unsigned i = 0; cuda_simulator_kernel_name(i) != nullptr; ++i) {
    napi_value kernel = nullptr;
    napi_value name = nullptr;
    napi_create_array(env, &kernel);
    napi_create_string_utf8(env, cuda_simulator_kernel_name(i), NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, kernel, 0, name);
    for (unsigned parameter = 0; parameter < cuda_simulator_parameter_count(i); ++parameter) {
      napi_value bytes = nullptr;
      napi_create_uint32(env, cuda_simulator_parameter_bytes(i, parameter), &bytes);
      napi_set_element(env, kernel, parameter + 1, bytes);
    }
    napi_set_element(env, list, i, kernel);
  }
  return list;
}

}  // namespace

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback callback;
  } entries[] = {{"set", set}, {"get", get}, {"message", message}, {"kernels", kernels}};
  for (const auto& [name, callback] : entries) {
    napi_value function = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, name, function) != napi_ok) {
      return nullptr;
    }
  }
  return exports;
}
