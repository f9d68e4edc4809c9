#pragma once

#include <string>

#include "driver/driver_api.h"

namespace gearshift::cuda {

/** The driver's entry points, found by name at run time. */
struct Driver {
#define GEARSHIFT_DECLARE(name, symbol, parameters) CUresult(*name) parameters = nullptr;
  GEARSHIFT_CUDA_ENTRY_POINTS(GEARSHIFT_DECLARE)
#undef GEARSHIFT_DECLARE

  /** CUDA version of the driver: 1000 * major + 10 * minor. */
  int version = 0;
};

/** A driver that is loaded and initialised, or why there is none. */
struct DriverLookup {
  const Driver* driver;  // null: see `code` and `reason`
  CUresult code;         // of the driver's own call that failed, else 0
  std::string reason;    // one sentence for people
};

/**
 * Loads the driver of this machine and initialises it, once per process; later calls are free. A library that was not there
 * is looked for again: a program may outlive the installation of its driver.
 */
DriverLookup find_driver();

}  // namespace gearshift::cuda
