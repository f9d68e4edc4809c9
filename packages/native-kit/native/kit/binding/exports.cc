#include "kit/binding/exports.h"

#include "kit/binding/env_state.h"

namespace gearshift::kit {

bool fill_exports(napi_env env, napi_value exports, EnvState* state, const char* version, const NamedNumber* numbers,
                  size_t number_count, const NamedEntry* entries, size_t entry_count) noexcept {
  napi_value value = nullptr;
  if (napi_create_string_utf8(env, version, NAPI_AUTO_LENGTH, &value) != napi_ok ||
      napi_set_named_property(env, exports, "version", value) != napi_ok) {
    return false;
  }
  for (size_t i = 0; i < number_count; ++i) {
    if (napi_create_int32(env, numbers[i].number, &value) != napi_ok ||
        napi_set_named_property(env, exports, numbers[i].name, value) != napi_ok) {
      return false;
    }
  }
  for (size_t i = 0; i < entry_count; ++i) {
    const NamedEntry& entry = entries[i];
    if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, state, &value) != napi_ok ||
        napi_set_named_property(env, exports, entry.name, value) != napi_ok) {
      return false;
    }
  }
  return true;
}

napi_value refuse_set_up(napi_env env, const char* text) noexcept {
  bool is_pending = false;
  napi_is_exception_pending(env, &is_pending);
  if (!is_pending) napi_throw_error(env, nullptr, text);
  return nullptr;
}

}  // namespace gearshift::kit
