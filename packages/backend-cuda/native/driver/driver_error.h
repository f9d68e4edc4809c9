#pragma once

#include <string>

#include "driver/driver.h"

namespace gearshift::cuda {

/** Why a request ended without a result. The same numbers, negated, as ADDON_STATUS in src/addon.ts. */
enum class Failure : int {
  none = 0,
  out_of_memory = 1,
  cancelled = 2,
  fault = 3,
  timeout = 4,
  device_lost = 5,
  /** The arrays of the caller lost their memory or shrank. */
  input_gone = 6,
  output_gone = 7,
  /** The id and version belong to an operand of another shape. */
  shape_conflict = 8,
  /** The arrays of a graph changed since they were checked. */
  invalid_graph = 9,
  /** Memory of the host, pinned or plain. */
  no_host_memory = 10,
  /** The device answered with something that cannot be. */
  invalid_result = 11,
  /** The system gave no thread to wait on. */
  no_thread = 12,
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
std::string name_of_code(const Driver* driver, CUresult code);

}  // namespace gearshift::cuda
