#pragma once

#include <cstdint>
#include <string>

#include "simt/simt.h"

namespace simt {

/** How a launch ended. */
enum class LaunchEnd : uint8_t {
  done,
  /** An address that no allocation holds. */
  illegal_address,
  /** What the hardware leaves undefined: divergence at a barrier, a shuffle from a lane that is not there. */
  undefined_behaviour,
};

struct LaunchReport {
  LaunchEnd end;
  std::string what;  // and where; empty when done
};

/**
 * Runs every block of a grid. Lanes and warps take turns in an order drawn from the seed, shared memory begins poisoned.
 * One launch at a time.
 */
LaunchReport run_grid(const Kernel& kernel, void** parameters, Dimensions grid, Dimensions block, uint32_t seed);

}  // namespace simt
