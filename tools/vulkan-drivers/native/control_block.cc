#include "control_block.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace fault_layer {
namespace {

ControlBlock* without_faults() {
  static ControlBlock block{};
  block.limit_bytes = std::numeric_limits<int64_t>::max();
  return &block;
}

ControlBlock* map_file() {
  const char* path = std::getenv("GEARSHIFT_VULKAN_FAULTS");
  if (path == nullptr) return without_faults();
  const int file = open(path, O_RDWR | O_CLOEXEC);
  void* memory = file < 0 ? MAP_FAILED : mmap(nullptr, sizeof(ControlBlock), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  // Without its faults a test could pass for the wrong reason.
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "fault layer: GEARSHIFT_VULKAN_FAULTS: %s: %s\n", path, std::strerror(errno));
    std::abort();
  }
  close(file);
  return static_cast<ControlBlock*>(memory);
}

}  // namespace

ControlBlock& control() {
  static ControlBlock* const block = map_file();
  return *block;
}

}  // namespace fault_layer
