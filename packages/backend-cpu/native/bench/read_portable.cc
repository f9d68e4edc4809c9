#include <cstring>

#include "bench/read_kernels.h"

namespace gearshift::bench {
namespace {

struct Vector {
  float lane[4];
};
inline Vector zero() { return {}; }
inline Vector load(const float* from) {
  Vector v;
  std::memcpy(v.lane, from, sizeof v.lane);
  return v;
}
inline Vector add(Vector a, Vector b) {
  for (int i = 0; i < 4; ++i) a.lane[i] += b.lane[i];
  return a;
}
inline float first(Vector v) { return v.lane[0]; }
inline void prefetch(const char* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#else
  (void)address;
#endif
}

#include "bench/read_kernels.inc"

}  // namespace

const ReadKernel kPortableReads[] = {{"1 stream", read_sequential},
                                 {"2 streams", read_streams<2, 0>},
                                 {"4 streams", read_streams<4, 0>},
                                 {"2 streams, prefetch 4 KiB", read_streams<2, 4096>},
                                 {"4 streams, prefetch 4 KiB", read_streams<4, 4096>},
                                 {nullptr, nullptr}};

}  // namespace gearshift::bench
