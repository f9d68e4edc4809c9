#pragma once

#include "binding/call.h"

namespace gearshift::cuda::binding {

/** The entries of the addon, in the order of CudaAddon in src/addon.ts, where each is described. */
#define GEARSHIFT_CUDA_ENTRIES(X)      \
  X("openDevice", open_device)         \
  X("closeDevice", close_device)       \
  X("countDevices", count_devices)     \
  X("readMemory", read_memory)         \
  X("isIdle", is_idle)                 \
  X("openMatrix", open_matrix)         \
  X("openRows", open_rows)             \
  X("updateMatrix", update_matrix)     \
  X("openGraph", open_graph)           \
  X("residentState", resident_state)   \
  X("residentBytes", resident_bytes)   \
  X("fillMatrix", fill_matrix)         \
  X("markReady", mark_ready)           \
  X("fillGraph", fill_graph)           \
  X("matchesMatrix", matches_matrix)   \
  X("release", release)                \
  X("reportMemory", report_memory)     \
  X("score", score_entry)              \
  X("topK", top_k_entry)               \
  X("spread", spread_entry)            \
  X("cancel", cancel)                  \
  X("readReport", read_report)         \
  X("failedCall", failed_call)

#define GEARSHIFT_DECLARE(name, function) napi_value function(Call& call);
GEARSHIFT_CUDA_ENTRIES(GEARSHIFT_DECLARE)
#undef GEARSHIFT_DECLARE

/** The device behind a handle; fails the call when there is none. */
Device* find_device(Call& call, size_t index) noexcept;

}  // namespace gearshift::cuda::binding
