#include <node_api.h>

#include "binding/call.h"
#include "binding/entries.h"
#include "binding/env_state.h"
#include "binding/query_group.h"

#ifndef GEARSHIFT_VERSION
#error "GEARSHIFT_VERSION must be the version of package.json: the loader compares it"
#endif

namespace gearshift::binding {
namespace {

constexpr int32_t kAbi = 2;  // ADDON_ABI in src/addon.ts

struct NamedEntry {
  const char* name;
  napi_callback callback;
};

constexpr NamedEntry kEntries[] = {
    {"levels", guarded<levels>},
    {"threadLimit", guarded<thread_limit>},
    {"estimateScanNs", guarded<estimate_scan_ns>},
    {"estimateSpreadNs", guarded<estimate_spread_ns>},
    {"openMatrix", guarded<open_matrix>},
    {"openGraph", guarded<open_graph>},
    {"residentState", guarded<resident_state>},
    {"residentBytes", guarded<resident_bytes>},
    {"fillMatrix", guarded<fill_matrix>},
    {"fillGraph", guarded<fill_graph>},
    {"buildGraph", guarded<build_graph>},
    {"matchesMatrix", guarded<matches_matrix>},
    {"release", guarded<release>},
    {"shareBlock", guarded<share_block>},
    {"score", guarded<score>},
    {"topK", guarded<top_k>},
    {"spread", guarded<spread>},
    {"startScore", guarded<start_score>},
    {"startTopK", guarded<start_top_k>},
    {"startSpread", guarded<start_spread>},
    {"startFill", guarded<start_fill>},
    {"startBuild", guarded<start_build>},
    {"cancel", guarded<cancel>},
};

bool set_integer(napi_env env, napi_value object, const char* name, int32_t number) noexcept {
  napi_value value = nullptr;
  return napi_create_int32(env, number, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

bool fill_exports(napi_env env, napi_value exports, EnvState* state) noexcept {
  napi_value version = nullptr;
  if (napi_create_string_utf8(env, GEARSHIFT_VERSION, NAPI_AUTO_LENGTH, &version) != napi_ok ||
      napi_set_named_property(env, exports, "version", version) != napi_ok ||
      !set_integer(env, exports, "abi", kAbi) ||
      !set_integer(env, exports, "queryGroup", static_cast<int32_t>(kQueryGroup))) {
    return false;
  }
  for (const NamedEntry& entry : kEntries) {
    napi_value function = nullptr;
    if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, state, &function) != napi_ok ||
        napi_set_named_property(env, exports, entry.name, function) != napi_ok) {
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace gearshift::binding

NAPI_MODULE_INIT() {
  using namespace gearshift::binding;
  EnvState* state = EnvState::create(env);
  if (state != nullptr && fill_exports(env, exports, state)) return exports;
  bool is_pending = false;
  napi_is_exception_pending(env, &is_pending);
  if (!is_pending) napi_throw_error(env, nullptr, "the CPU addon could not be set up: no memory");
  return nullptr;
}
