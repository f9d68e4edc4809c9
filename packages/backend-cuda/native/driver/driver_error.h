#pragma once

#include "driver/driver.h"
#include "kit/status.h"
#include "kit/text.h"

namespace gearshift::cuda {

/** Why a request ended without a result: statuses of the addon. */
enum class Failure : int {
  none = kit::kDone,
  out_of_memory = kit::kOutOfMemory,
  cancelled = kit::kCancelled,
  fault = kit::kFault,
  timeout = kit::kTimeout,
  device_lost = kit::kDeviceLost,
  input_gone = kit::kInputGone,
  output_gone = kit::kOutputGone,
  shape_conflict = kit::kShapeConflict,
  invalid_graph = kit::kInvalidGraph,
  /** Pinned or plain. */
  no_host_memory = kit::kNoHostMemory,
  invalid_result = kit::kInvalidResult,
  no_thread = kit::kNoThread,
};

/** How a step went. What failed first is what is reported. */
struct [[nodiscard]] Outcome {
  Failure failure = Failure::none;
  CUresult code = CUDA_SUCCESS;
  const char* call = nullptr;
  size_t requested_bytes = 0;

  bool ok() const noexcept { return failure == Failure::none; }
};

/** Whether a code means that the context, and with it every allocation, is gone for the life of the process. */
bool is_fatal(CUresult code) noexcept;

/** What a code that is not CUDA_SUCCESS means for the request that met it. */
Failure classify(CUresult code) noexcept;

/** "CUDA_ERROR_OUT_OF_MEMORY (2)"; without a driver the number alone. */
kit::Text<128> name_of_code(const Driver* driver, CUresult code) noexcept;

}  // namespace gearshift::cuda
