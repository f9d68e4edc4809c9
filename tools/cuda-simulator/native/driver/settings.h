#pragma once

#include <cstdint>
#include <string>

namespace cuda_simulator {

/**
 * What a test can set, and count; every field by its name through cuda_simulator_set and cuda_simulator_get. A fault is
 * armed by the number of the call, allocation or operation it is to hit, counted from the moment it is set; 0 is none.
 */
#define CUDA_SIMULATOR_SETTINGS(X)                                                                 \
  /* The machine. */                                                                               \
  X(devices, 1)                                                                                    \
  X(memory_bytes, 256ll << 20)                                                                     \
  X(driver_version, 13000)                                                                         \
  X(compute_capability, 90)                                                                        \
  X(init_code, 0)          /* what cuInit answers */                                               \
  X(module_code, 0)        /* what loading a module answers */                                     \
  /* Schedule. */                                                                                  \
  X(seed, 1)                                                                                       \
  X(lazy, 1)               /* 0: work is done as soon as it is asked for, which hides defects */   \
  X(operation_us, 0)       /* every operation takes so long besides */                             \
  /* Faults. */                                                                                    \
  X(fail_call, 0)          /* the n-th driver call answers fail_code */                            \
  X(fail_allocation, 0)    /* the n-th allocation, of either memory */                             \
  X(fail_operation, 0)     /* the n-th operation of a stream, noticed when it is waited for */     \
  X(fail_code, 2)                                                                                  \
  X(fail_from_there_on, 0) /* 1: and every one after it */                                         \
  X(hang_operation, 0)     /* the n-th operation never ends */                                     \
  X(vanish_call, 0)        /* from the n-th call on the device is gone */                          \
  X(corrupt_download, 0)   /* the n-th copy to the host brings garbage */

#define CUDA_SIMULATOR_COUNTERS(X) \
  X(calls)                         \
  X(operations)                    \
  X(launches)                      \
  X(allocations)                   \
  X(live_allocations)              \
  X(live_host_allocations)         \
  X(live_streams)                  \
  X(live_events)                   \
  X(live_modules)                  \
  X(live_contexts)                 \
  X(used_bytes)                    \
  X(peak_bytes)                    \
  X(uploaded_bytes)                \
  X(downloaded_bytes)              \
  X(leaks)       /* objects that were alive when their context went */ \
  X(misuses)     /* calls that no program should make: freeing twice, a foreign address */ \
  X(undefined)   /* kernels that did what the hardware leaves undefined, or touched what is not theirs */

struct Settings {
#define CUDA_SIMULATOR_DECLARE(name, initial) int64_t name = initial;
  CUDA_SIMULATOR_SETTINGS(CUDA_SIMULATOR_DECLARE)
#undef CUDA_SIMULATOR_DECLARE
};

struct Counters {
#define CUDA_SIMULATOR_DECLARE(name) int64_t name = 0;
  CUDA_SIMULATOR_COUNTERS(CUDA_SIMULATOR_DECLARE)
#undef CUDA_SIMULATOR_DECLARE
};

}  // namespace cuda_simulator
