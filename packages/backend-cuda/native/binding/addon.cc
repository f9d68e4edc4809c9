#include <node_api.h>

#include <iterator>

#include "binding/entries.h"
#include "binding/env_state.h"
#include "kit/binding/exports.h"

#ifndef GEARSHIFT_VERSION
#error "GEARSHIFT_VERSION must be the version of package.json: the loader compares it"
#endif

namespace gearshift::cuda::binding {
namespace {

constexpr kit::NamedNumber kNumbers[] = {{"abi", 6}};  // ADDON_ABI in src/addon.ts

constexpr kit::NamedEntry kEntries[] = {
#define GEARSHIFT_NAME(name, function) {name, kit::guarded<Call, function>},
    GEARSHIFT_CUDA_ENTRIES(GEARSHIFT_NAME)
#undef GEARSHIFT_NAME
};

}  // namespace
}  // namespace gearshift::cuda::binding

NAPI_MODULE_INIT() {
  using namespace gearshift::cuda::binding;
  EnvState* state = EnvState::create(env);
  if (state != nullptr && gearshift::kit::fill_exports(env, exports, state, GEARSHIFT_VERSION, kNumbers, std::size(kNumbers),
                                                       kEntries, std::size(kEntries))) {
    return exports;
  }
  return gearshift::kit::refuse_set_up(env, "the CUDA addon could not be set up: no memory");
}
