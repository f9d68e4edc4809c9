#pragma once

#include "binding/call.h"

namespace gearshift::binding {

// What each entry takes and gives is described in src/addon.ts, in the same order.

napi_value levels(Call& call);
napi_value thread_limit(Call& call);
napi_value estimate_scan_ns(Call& call);
napi_value estimate_spread_ns(Call& call);

napi_value open_matrix(Call& call);
napi_value open_graph(Call& call);
napi_value update_matrix(Call& call);
napi_value resident_state(Call& call);
napi_value resident_bytes(Call& call);
napi_value read_codes(Call& call);
napi_value code_bytes_for(Call& call);
napi_value ranking_form(Call& call);
napi_value fill_matrix(Call& call);
napi_value fill_graph(Call& call);
napi_value build_graph(Call& call);
napi_value transpose_due(Call& call);
napi_value matches_matrix(Call& call);
napi_value release(Call& call);
napi_value report_memory(Call& call);

napi_value share_block(Call& call);
napi_value score(Call& call);
napi_value top_k(Call& call);
napi_value spread(Call& call);
napi_value spread_active(Call& call);

napi_value start_score(Call& call);
napi_value start_top_k(Call& call);
napi_value start_spread(Call& call);
napi_value start_fill(Call& call);
napi_value start_encode(Call& call);
napi_value start_encode_step(Call& call);
napi_value start_build(Call& call);
napi_value start_transpose(Call& call);
napi_value cancel(Call& call);

napi_value append_rows(Call& call);
napi_value update_rows(Call& call);
napi_value remove_rows(Call& call);
napi_value guard_pin(Call& call);
napi_value forget_pin(Call& call);
napi_value advise_huge_pages(Call& call);
napi_value drop_pages(Call& call);
napi_value map_file(Call& call);
napi_value page_size(Call& call);

}  // namespace gearshift::binding
