#include "driver/driver_error.h"

namespace gearshift::cuda {

bool is_fatal(CUresult code) noexcept {
  switch (code) {
    case CUDA_ERROR_DEINITIALIZED:
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_NO_DEVICE:
    case CUDA_ERROR_INVALID_DEVICE:
    case CUDA_ERROR_INVALID_CONTEXT:
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_CONTAINED:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_TENSOR_MEMORY_LEAK:
    case CUDA_ERROR_EXTERNAL_DEVICE: return true;
    default: return false;
  }
}

Failure classify(CUresult code) noexcept {
  if (code == CUDA_SUCCESS) return Failure::none;
  if (code == CUDA_ERROR_OUT_OF_MEMORY) return Failure::out_of_memory;
  return is_fatal(code) ? Failure::device_lost : Failure::fault;
}

kit::Text<128> name_of_code(const Driver* driver, CUresult code) noexcept {
  const char* name = nullptr;
  // For an unknown code the driver returns an error and leaves the name null.
  const bool has_name = driver != nullptr && driver->cuGetErrorName != nullptr &&
                        driver->cuGetErrorName(code, &name) == CUDA_SUCCESS && name != nullptr;
  return has_name ? kit::Text<128>::of("%s (%d)", name, code) : kit::Text<128>::of("code %d", code);
}

}  // namespace gearshift::cuda
