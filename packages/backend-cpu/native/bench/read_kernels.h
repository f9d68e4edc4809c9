#pragma once

#include <cstddef>

namespace gearshift::bench {

/** One way of reading memory as fast as this CPU can: returns a sum, so that nothing is optimised away. */
struct ReadKernel {
  const char* name;
  float (*read)(const float* data, size_t float_count);
};

/** What a level may use; every list ends with a null `read`. */
extern const ReadKernel kPortableReads[];
extern const ReadKernel kAvx2Reads[];
extern const ReadKernel kAvx512Reads[];

}  // namespace gearshift::bench
