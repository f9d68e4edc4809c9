#pragma once

#include "driver/driver_api.h"

namespace gearshift::cuda {

/** X(name) for every kernel of native/kernels; the fatbin, the simulator and the host agree on this list. */
#define GEARSHIFT_CUDA_KERNELS(X) \
  X(inverse_norms_f32)            \
  X(scores_1_query_f32)           \
  X(scores_8_queries_f32)         \
  X(select_scores)                \
  X(merge_keys)                   \
  X(count_digits)                 \
  X(choose_digit)                 \
  X(collect_keys)                 \
  X(spread_short_rows_f32)        \
  X(spread_rows_f32)              \
  X(spread_long_rows_f32)

struct Kernels {
#define GEARSHIFT_DECLARE(name) CUfunction name = nullptr;
  GEARSHIFT_CUDA_KERNELS(GEARSHIFT_DECLARE)
#undef GEARSHIFT_DECLARE
};

}  // namespace gearshift::cuda
