#pragma once

#include "driver/driver_api.h"
#include "kit/text.h"

namespace gearshift::cuda {

/** The driver's entry points, found by name at run time. */
struct Driver {
#define GEARSHIFT_DECLARE(name, symbol, parameters) CUresult(*name) parameters = nullptr;
  GEARSHIFT_CUDA_ENTRY_POINTS(GEARSHIFT_DECLARE)
#undef GEARSHIFT_DECLARE

  /** CUDA version of the driver: 1000 * major + 10 * minor. */
  int version = 0;
};

/** One sentence for people: why there is no driver, or no device. */
using Reason = kit::Text<512>;

/** A driver that is loaded and initialised, or why there is none. */
struct DriverLookup {
  const Driver* driver;  // null: see `code` and `reason`
  CUresult code;         // of the driver's own call that failed, else 0
  Reason reason;
};

/**
 * Loads the driver of this machine and initialises it, once per process; later calls are free. A library that was missing
 * is looked for again: a program may outlive the installation of its driver.
 */
DriverLookup find_driver() noexcept;

}  // namespace gearshift::cuda
