#include "device/device.h"

#ifndef GEARSHIFT_FATBIN
#error "GEARSHIFT_FATBIN must name what nvcc made of native/kernels"
#endif

// The driver wants it aligned, and for as long as the module is loaded.
asm(".section .rodata\n"
    ".balign 64\n"
    ".globl gearshift_cuda_fatbin\n"
    ".hidden gearshift_cuda_fatbin\n"
    "gearshift_cuda_fatbin:\n"
    ".incbin \"" GEARSHIFT_FATBIN "\"\n"
    ".byte 0\n"
    ".previous\n");

extern "C" const unsigned char gearshift_cuda_fatbin[];

namespace gearshift::cuda {

const void* kernel_image() noexcept { return gearshift_cuda_fatbin; }

}  // namespace gearshift::cuda
