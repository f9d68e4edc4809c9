#include <node_api.h>

#include <iterator>

#include "binding/call.h"
#include "binding/entries.h"
#include "binding/env_state.h"
#include "binding/query_group.h"
#include "kit/binding/exports.h"

#ifndef GEARSHIFT_VERSION
#error "GEARSHIFT_VERSION must be the version of package.json: the loader compares it"
#endif

namespace gearshift::binding {
namespace {

constexpr kit::NamedNumber kNumbers[] = {
    {"abi", 14},  // ADDON_ABI in src/addon.ts
    {"queryGroup", static_cast<int32_t>(kQueryGroup)},
    {"rankingGroup", static_cast<int32_t>(kCodedQueryGroup)},
};

constexpr kit::NamedEntry kEntries[] = {
    {"levels", kit::guarded<Call, levels>},
    {"threadLimit", kit::guarded<Call, thread_limit>},
    {"estimateScanNs", kit::guarded<Call, estimate_scan_ns>},
    {"estimateSpreadNs", kit::guarded<Call, estimate_spread_ns>},
    {"openMatrix", kit::guarded<Call, open_matrix>},
    {"openGraph", kit::guarded<Call, open_graph>},
    {"updateMatrix", kit::guarded<Call, update_matrix>},
    {"residentState", kit::guarded<Call, resident_state>},
    {"residentBytes", kit::guarded<Call, resident_bytes>},
    {"readCodes", kit::guarded<Call, read_codes>},
    {"codeBytesFor", kit::guarded<Call, code_bytes_for>},
    {"missingBesideCodes", kit::guarded<Call, missing_beside_codes>},
    {"describeCodes", kit::guarded<Call, describe_codes>},
    {"copyCodes", kit::guarded<Call, copy_codes>},
    {"rankingForm", kit::guarded<Call, ranking_form>},
    {"fillMatrix", kit::guarded<Call, fill_matrix>},
    {"fillGraph", kit::guarded<Call, fill_graph>},
    {"buildGraph", kit::guarded<Call, build_graph>},
    {"transposeDue", kit::guarded<Call, transpose_due>},
    {"matchesMatrix", kit::guarded<Call, matches_matrix>},
    {"release", kit::guarded<Call, release>},
    {"reportMemory", kit::guarded<Call, report_memory>},
    {"shareBlock", kit::guarded<Call, share_block>},
    {"score", kit::guarded<Call, score>},
    {"topK", kit::guarded<Call, top_k>},
    {"spread", kit::guarded<Call, spread>},
    {"spreadActive", kit::guarded<Call, spread_active>},
    {"startScore", kit::guarded<Call, start_score>},
    {"startTopK", kit::guarded<Call, start_top_k>},
    {"startSpread", kit::guarded<Call, start_spread>},
    {"startFill", kit::guarded<Call, start_fill>},
    {"startEncode", kit::guarded<Call, start_encode>},
    {"startEncodeStep", kit::guarded<Call, start_encode_step>},
    {"startBuild", kit::guarded<Call, start_build>},
    {"startTranspose", kit::guarded<Call, start_transpose>},
    {"cancel", kit::guarded<Call, cancel>},
    {"appendRows", kit::guarded<Call, append_rows>},
    {"updateRows", kit::guarded<Call, update_rows>},
    {"removeRows", kit::guarded<Call, remove_rows>},
    {"guardPin", kit::guarded<Call, guard_pin>},
    {"forgetPin", kit::guarded<Call, forget_pin>},
    {"adviseHugePages", kit::guarded<Call, advise_huge_pages>},
    {"dropPages", kit::guarded<Call, drop_pages>},
    {"mapFile", kit::guarded<Call, map_file>},
    {"pageSize", kit::guarded<Call, page_size>},
};

}  // namespace
}  // namespace gearshift::binding

NAPI_MODULE_INIT() {
  using namespace gearshift::binding;
  EnvState* state = EnvState::create(env);
  if (state != nullptr && gearshift::kit::fill_exports(env, exports, state, GEARSHIFT_VERSION, kNumbers, std::size(kNumbers),
                                                       kEntries, std::size(kEntries))) {
    return exports;
  }
  return gearshift::kit::refuse_set_up(env, "the CPU addon could not be set up: no memory");
}
