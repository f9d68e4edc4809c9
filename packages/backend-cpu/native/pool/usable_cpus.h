#pragma once

namespace gearshift {

/** What the operating system lets this process use, which in a container is less than what the machine has. */
struct UsableCpus {
  unsigned count;           // at least 1
  bool has_bandwidth_limit; // a CFS quota: time spent spinning is taken from time spent working
};

/** Reads the affinity mask and the bandwidth limits of the control groups (Linux); elsewhere asks the runtime. */
UsableCpus read_usable_cpus() noexcept;

}  // namespace gearshift
