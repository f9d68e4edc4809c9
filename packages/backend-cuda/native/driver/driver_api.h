#pragma once

#include <cstddef>
#include <cstdint>

/**
 * The part of the CUDA driver API that Gearshift uses, declared by ourselves: the addon loads anywhere, needs no toolkit to
 * build its host part, and asks for exactly the exported versions named here. The header of a new toolkit would rename some
 * calls to versions that older drivers lack. Source: CUDA Driver API reference, https://docs.nvidia.com/cuda/cuda-driver-api/
 */
namespace gearshift::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;

constexpr CUresult CUDA_SUCCESS = 0;
constexpr CUresult CUDA_ERROR_INVALID_VALUE = 1;
constexpr CUresult CUDA_ERROR_OUT_OF_MEMORY = 2;
constexpr CUresult CUDA_ERROR_NOT_INITIALIZED = 3;
constexpr CUresult CUDA_ERROR_DEINITIALIZED = 4;
constexpr CUresult CUDA_ERROR_DEVICE_UNAVAILABLE = 46;
constexpr CUresult CUDA_ERROR_NO_DEVICE = 100;
constexpr CUresult CUDA_ERROR_INVALID_DEVICE = 101;
constexpr CUresult CUDA_ERROR_INVALID_IMAGE = 200;
constexpr CUresult CUDA_ERROR_INVALID_CONTEXT = 201;
constexpr CUresult CUDA_ERROR_NO_BINARY_FOR_GPU = 209;
constexpr CUresult CUDA_ERROR_ECC_UNCORRECTABLE = 214;
constexpr CUresult CUDA_ERROR_NVLINK_UNCORRECTABLE = 220;
constexpr CUresult CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222;
constexpr CUresult CUDA_ERROR_CONTAINED = 226;
constexpr CUresult CUDA_ERROR_OPERATING_SYSTEM = 304;
constexpr CUresult CUDA_ERROR_INVALID_HANDLE = 400;
constexpr CUresult CUDA_ERROR_NOT_FOUND = 500;
constexpr CUresult CUDA_ERROR_NOT_READY = 600;
constexpr CUresult CUDA_ERROR_ILLEGAL_ADDRESS = 700;
constexpr CUresult CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701;
constexpr CUresult CUDA_ERROR_LAUNCH_TIMEOUT = 702;
constexpr CUresult CUDA_ERROR_CONTEXT_IS_DESTROYED = 709;
constexpr CUresult CUDA_ERROR_ASSERT = 710;
constexpr CUresult CUDA_ERROR_HARDWARE_STACK_ERROR = 714;
constexpr CUresult CUDA_ERROR_ILLEGAL_INSTRUCTION = 715;
constexpr CUresult CUDA_ERROR_MISALIGNED_ADDRESS = 716;
constexpr CUresult CUDA_ERROR_INVALID_ADDRESS_SPACE = 717;
constexpr CUresult CUDA_ERROR_INVALID_PC = 718;
constexpr CUresult CUDA_ERROR_LAUNCH_FAILED = 719;
constexpr CUresult CUDA_ERROR_TENSOR_MEMORY_LEAK = 721;
constexpr CUresult CUDA_ERROR_NOT_PERMITTED = 800;
constexpr CUresult CUDA_ERROR_SYSTEM_NOT_READY = 802;
constexpr CUresult CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803;
constexpr CUresult CUDA_ERROR_EXTERNAL_DEVICE = 911;
constexpr CUresult CUDA_ERROR_UNKNOWN = 999;

/** What cuDeviceGetAttribute is asked for. */
constexpr int CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75;
constexpr int CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76;

constexpr unsigned CU_STREAM_NON_BLOCKING = 1;
constexpr unsigned CU_EVENT_DEFAULT = 0;
constexpr unsigned CU_EVENT_DISABLE_TIMING = 2;
constexpr unsigned CU_MEMHOSTALLOC_PORTABLE = 1;

}  // namespace gearshift::cuda

/**
 * X(name, exported symbol, parameters). The `_v2` symbols are the ones with 64-bit sizes, which every driver of the last
 * ten years exports; those without are what today's headers still mean by the plain name.
 */
#define GEARSHIFT_CUDA_ENTRY_POINTS(X)                                                                                    \
  X(cuInit, "cuInit", (unsigned flags))                                                                                   \
  X(cuDriverGetVersion, "cuDriverGetVersion", (int* version))                                                             \
  X(cuGetErrorName, "cuGetErrorName", (CUresult code, const char** name))                                                 \
  X(cuDeviceGetCount, "cuDeviceGetCount", (int* count))                                                                   \
  X(cuDeviceGet, "cuDeviceGet", (CUdevice* device, int ordinal))                                                          \
  X(cuDeviceGetName, "cuDeviceGetName", (char* name, int length, CUdevice device))                                        \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int* value, int attribute, CUdevice device))                           \
  X(cuDeviceTotalMem, "cuDeviceTotalMem_v2", (size_t* bytes, CUdevice device))                                            \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (CUcontext* context, CUdevice device))                          \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (CUdevice device))                                         \
  X(cuCtxSetCurrent, "cuCtxSetCurrent", (CUcontext context))                                                              \
  X(cuModuleLoadData, "cuModuleLoadData", (CUmodule* module, const void* image))                                          \
  X(cuModuleUnload, "cuModuleUnload", (CUmodule module))                                                                  \
  X(cuModuleGetFunction, "cuModuleGetFunction", (CUfunction* function, CUmodule module, const char* name))                \
  X(cuMemGetInfo, "cuMemGetInfo_v2", (size_t* free_bytes, size_t* total_bytes))                                           \
  X(cuMemAlloc, "cuMemAlloc_v2", (CUdeviceptr* address, size_t bytes))                                                    \
  X(cuMemFree, "cuMemFree_v2", (CUdeviceptr address))                                                                     \
  X(cuMemHostAlloc, "cuMemHostAlloc", (void** address, size_t bytes, unsigned flags))                                     \
  X(cuMemFreeHost, "cuMemFreeHost", (void* address))                                                                      \
  X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (CUdeviceptr to, const void* from, size_t bytes, CUstream stream))         \
  X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void* to, CUdeviceptr from, size_t bytes, CUstream stream))               \
  X(cuMemsetD8Async, "cuMemsetD8Async", (CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream))             \
  X(cuStreamCreate, "cuStreamCreate", (CUstream * stream, unsigned flags))                                                \
  X(cuStreamDestroy, "cuStreamDestroy_v2", (CUstream stream))                                                             \
  X(cuEventCreate, "cuEventCreate", (CUevent * event, unsigned flags))                                                    \
  X(cuEventRecord, "cuEventRecord", (CUevent event, CUstream stream))                                                     \
  X(cuEventQuery, "cuEventQuery", (CUevent event))                                                                        \
  X(cuEventElapsedTime, "cuEventElapsedTime", (float* milliseconds, CUevent start, CUevent end))                          \
  X(cuEventDestroy, "cuEventDestroy_v2", (CUevent event))                                                                 \
  X(cuLaunchKernel, "cuLaunchKernel",                                                                                     \
    (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,          \
     unsigned block_z, unsigned dynamic_shared_bytes, CUstream stream, void** parameters, void** extra))
