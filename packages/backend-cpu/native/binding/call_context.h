#pragma once

#include <cstddef>
#include <cstdint>

#include "binding/call.h"
#include "binding/env_state.h"
#include "core/matrix.h"
#include "dispatch/kernel_table.h"
#include "pool/run_in_chunks.h"
#include "pool/throughput.h"

namespace gearshift::binding {

/** What encodeContext of src/addon.ts packs into one argument: how a call is to run. */
struct CallContext {
  Metric metric;
  const KernelTable* kernels;
  Throughput* scans;  // of this level, all threads together; an entry for each type of elements
  Throughput* spreads;
  unsigned max_threads;
  int64_t slice_ns;

  Throughput* scans_of(kit::ElementType type) const noexcept { return scans + kit::place_of(type); }
  Execution execution(EnvState& state) const noexcept { return {&state.pool(), max_threads, slice_ns, nullptr}; }
};

/** Fails the call when it names a level that this CPU lacks. */
CallContext read_context(Call& call, size_t index) noexcept;
/** The same from the scalars of the block; fails the call when there is no block. */
CallContext read_block_context(Call& call) noexcept;

}  // namespace gearshift::binding
