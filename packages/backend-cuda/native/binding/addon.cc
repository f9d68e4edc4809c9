#include <node_api.h>

#include "binding/entries.h"
#include "binding/env_state.h"

#ifndef GEARSHIFT_VERSION
#error "GEARSHIFT_VERSION must be the version of package.json: the loader compares it"
#endif

namespace gearshift::cuda::binding {
namespace {

constexpr int32_t kAbi = 4;  // ADDON_ABI in src/addon.ts

bool add_entry(napi_env env, napi_value exports, EnvState* state, const char* name, napi_callback callback) noexcept {
  napi_value function = nullptr;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, state, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

bool fill_exports(napi_env env, napi_value exports, EnvState* state) noexcept {
  napi_value version = nullptr;
  napi_value abi = nullptr;
  bool ok = napi_create_string_utf8(env, GEARSHIFT_VERSION, NAPI_AUTO_LENGTH, &version) == napi_ok &&
            napi_set_named_property(env, exports, "version", version) == napi_ok &&
            napi_create_int32(env, kAbi, &abi) == napi_ok && napi_set_named_property(env, exports, "abi", abi) == napi_ok;
#define GEARSHIFT_ADD(name, function) ok = ok && add_entry(env, exports, state, name, guarded<function>);
  GEARSHIFT_CUDA_ENTRIES(GEARSHIFT_ADD)
#undef GEARSHIFT_ADD
  return ok;
}

}  // namespace
}  // namespace gearshift::cuda::binding

NAPI_MODULE_INIT() {
  using namespace gearshift::cuda::binding;
  EnvState* state = EnvState::create(env);
  if (state != nullptr && fill_exports(env, exports, state)) return exports;
  bool is_pending = false;
  napi_is_exception_pending(env, &is_pending);
  if (!is_pending) napi_throw_error(env, nullptr, "the CUDA addon could not be set up: no memory");
  return nullptr;
}
