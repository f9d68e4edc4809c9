#pragma once

#include <cstdint>

/**
 * How tests talk to the simulated driver. Names are those of driver/settings.h. Exported by the library beside the entry
 * points of a driver; a real driver has none of this.
 */
extern "C" {
/** False: there is no setting with this name. */
bool cuda_simulator_set(const char* name, int64_t value);
/** A setting or a counter; -1 when there is none with this name. */
int64_t cuda_simulator_get(const char* name);
/** What the last kernel that failed did, or an empty text. Valid until the next call. */
const char* cuda_simulator_message();
/** A new machine: everything as it was before cuInit, whatever is alive is gone. */
void cuda_simulator_reset();

/** Kernels that the library holds, by number; null beyond the last. */
const char* cuda_simulator_kernel_name(unsigned number);
unsigned cuda_simulator_parameter_count(unsigned number);
unsigned cuda_simulator_parameter_bytes(unsigned number, unsigned parameter);
}
