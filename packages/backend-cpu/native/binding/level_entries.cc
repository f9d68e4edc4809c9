#include "binding/call_context.h"
#include "binding/element_arguments.h"
#include "binding/entries.h"
#include "binding/scan_calls.h"
#include "binding/spread_calls.h"

namespace gearshift::binding {

napi_value levels(Call& call) {
  napi_env env = call.env();
  napi_value list = nullptr;
  if (napi_create_array(env, &list) != napi_ok) return nullptr;
  const LevelList all = all_levels();
  for (size_t i = 0; i < all.count; ++i) {
    napi_value level = nullptr;
    napi_value name = nullptr;
    napi_value missing = nullptr;
    napi_value features = nullptr;
    const bool made = napi_create_object(env, &level) == napi_ok &&
                      napi_create_string_utf8(env, all.levels[i].kernels->name, NAPI_AUTO_LENGTH, &name) == napi_ok &&
                      napi_create_string_utf8(env, all.levels[i].missing, NAPI_AUTO_LENGTH, &missing) == napi_ok &&
                      napi_create_string_utf8(env, all.levels[i].features, NAPI_AUTO_LENGTH, &features) == napi_ok &&
                      napi_set_named_property(env, level, "name", name) == napi_ok &&
                      napi_set_named_property(env, level, "features", features) == napi_ok &&
                      napi_set_named_property(env, level, "missing", missing) == napi_ok &&
                      napi_set_element(env, list, static_cast<uint32_t>(i), level) == napi_ok;
    if (!made) {
      call.fail(ErrorType::range, "the list of levels could not be made");
      return nullptr;
    }
  }
  return list;
}

napi_value thread_limit(Call& call) { return call.give(call.state().pool().thread_limit()); }

napi_value estimate_scan_ns(Call& call) {
  const CallContext context = read_context(call, 0);
  const ElementType type = read_type(call, 1);
  const double bytes = call.number(2);
  const double queries = call.number(3);
  if (call.failed()) return nullptr;
  return call.give(estimate_items_ns(*context.scans_of(type), {bytes, queries}, 1));
}

napi_value estimate_spread_ns(Call& call) {
  const CallContext context = read_context(call, 0);
  const size_t edges = call.count(1);
  const size_t nodes = call.count(2);
  if (call.failed()) return nullptr;
  return call.give(estimate_items_ns(*context.spreads, spread_cost(nodes, edges), nodes));
}

}  // namespace gearshift::binding
