#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace gearshift::kit {

class EnvState;

struct NamedEntry {
  const char* name;
  napi_callback callback;
};

/** The number of an interface under its name. */
struct NamedNumber {
  const char* name;
  int32_t number;
};

/** Puts version, numbers and entries on the exports; the entries get `state`. False when there is no memory. */
bool fill_exports(napi_env env, napi_value exports, EnvState* state, const char* version, const NamedNumber* numbers,
                  size_t number_count, const NamedEntry* entries, size_t entry_count) noexcept;

/** Throws an error with this text, unless an exception is pending already. What a module that cannot be set up returns. */
napi_value refuse_set_up(napi_env env, const char* text) noexcept;

}  // namespace gearshift::kit
