// planted KERNEL|host-read|no-wait: runs a planted defect straight on the driver's entry points, and prints what the driver
// answers and what the device's memory holds afterwards.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "control.h"
#include "driver/driver.h"

using namespace gearshift::cuda;

namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kBytes = kThreads * sizeof(uint32_t);
const uint32_t kImage = 0xba55ed50;  // all that the simulator reads of an image

CUresult wait(const Driver& driver, CUevent event) {
  CUresult code;
  do code = driver.cuEventQuery(event);
  while (code == CUDA_ERROR_NOT_READY);
  return code;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  const std::string what = arguments[1];
  if (count > 2) cuda_simulator_set("lazy", std::atoi(arguments[2]));
  const DriverLookup lookup = find_driver();
  if (lookup.driver == nullptr) return 2;
  const Driver& driver = *lookup.driver;
  CUcontext context;
  CUmodule module;
  CUfunction function = nullptr;
  CUstream stream;
  CUevent event;
  CUdeviceptr memory;
  void* host;
  if (driver.cuDevicePrimaryCtxRetain(&context, 0) != 0 || driver.cuCtxSetCurrent(context) != 0 ||
      driver.cuModuleLoadData(&module, &kImage) != 0 || driver.cuStreamCreate(&stream, 0) != 0 ||
      driver.cuEventCreate(&event, 0) != 0 || driver.cuMemAlloc(&memory, kBytes) != 0 ||
      driver.cuMemHostAlloc(&host, kBytes, 0) != 0) {
    return 2;
  }
  auto* values = static_cast<uint32_t*>(host);
  for (unsigned i = 0; i < kThreads; ++i) values[i] = i;

  if (what == "host-read") {
    volatile uint32_t stolen = *reinterpret_cast<uint32_t*>(memory);
    std::printf("read %u\n", stolen);
    return 0;
  }
  driver.cuMemcpyHtoDAsync(memory, host, kBytes, stream);
  if (what == "no-wait") {
    // Changes what is still to be copied.
    std::memset(host, 0, kBytes);
  } else if (driver.cuModuleGetFunction(&function, module, what.c_str()) != 0) {
    return 2;
  }
  if (function != nullptr) {
    uint32_t elements = kThreads;
    const unsigned threads = kThreads;
    // One thread too many would be over its launch bound: the defect is in the comparison.
    if (what == "planted_overrun") elements = kThreads - 1, driver.cuMemFree(memory), driver.cuMemAlloc(&memory, kBytes - 4);
    void* parameters[] = {&memory, &elements};
    const CUresult launched = driver.cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, 0, stream, parameters, nullptr);
    if (launched != 0) return 2;
  }
  if (what != "planted_overrun") driver.cuMemcpyDtoHAsync(host, memory, kBytes, stream);
  driver.cuEventRecord(event, stream);
  const CUresult code = wait(driver, event);
  std::printf("code %d, first %u, last %u, message: %s\n", code, values[0], values[kThreads - 1], cuda_simulator_message());
  return 0;
}
