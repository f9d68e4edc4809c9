// Kernels with one defect each, that the simulator has to find; and one without, that it has to leave alone.
#include "kernels/kernel.cuh"

using namespace gearshift::cuda;

GEARSHIFT_KERNEL(256, sound_reversal, uint32_t* values) {
  __shared__ uint32_t shared[256];
  shared[threadIdx.x] = values[threadIdx.x];
  __syncthreads();
  values[threadIdx.x] = shared[255 - threadIdx.x];
}

/** Writes one element beyond the end. */
GEARSHIFT_KERNEL(256, planted_overrun, uint32_t* values, uint32_t count) {
  if (threadIdx.x <= count) values[threadIdx.x] = threadIdx.x;
}

/** Half of the threads never get to the barrier. */
GEARSHIFT_KERNEL(256, planted_divergent_barrier, uint32_t* values) {
  if (threadIdx.x < 128) __syncthreads();
  values[threadIdx.x] = 1;
}

/** The mask names all lanes, but only the odd ones come. */
GEARSHIFT_KERNEL(256, planted_absent_lanes, uint32_t* values) {
  uint32_t value = threadIdx.x;
  if (threadIdx.x % 2 == 1) value = __shfl_xor_sync(kAllLanes, value, 2);
  values[threadIdx.x] = value;
}

/** Some lanes are at a shuffle, the others wait for the block. */
GEARSHIFT_KERNEL(256, planted_deadlock, uint32_t* values) {
  if (threadIdx.x < 16) values[threadIdx.x] = __shfl_xor_sync(kAllLanes, threadIdx.x, 1);
  else __syncthreads();
}

/** Reads what other threads write, without a barrier in between. */
GEARSHIFT_KERNEL(256, planted_race, uint32_t* values) {
  __shared__ uint32_t shared[256];
  shared[threadIdx.x] = values[threadIdx.x];
  values[threadIdx.x] = shared[255 - threadIdx.x];
}

/** Reads shared memory that was never written. */
GEARSHIFT_KERNEL(256, planted_uninitialised, uint32_t* values) {
  __shared__ uint32_t shared[256];
  if (threadIdx.x < 128) shared[threadIdx.x] = 7;
  __syncthreads();
  values[threadIdx.x] = shared[threadIdx.x];
}
