#pragma once

#include "operations/request.h"

namespace gearshift::cuda {

/** Host memory to the device, through the lane's page-locked memory; has arrived when this returns. */
Outcome upload_all(Run& run, CUdeviceptr to, const void* from, size_t bytes) noexcept;

/** And back. What was launched before on the lane has ended when this returns. */
Outcome download_all(Run& run, void* to, CUdeviceptr from, size_t bytes) noexcept;

}  // namespace gearshift::cuda
