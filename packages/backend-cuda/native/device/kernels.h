#pragma once

#include "driver/driver_api.h"

namespace gearshift::cuda {

/** X(name) for every kernel of native/kernels; the fatbin, the simulator and the host agree on this list. */
#define GEARSHIFT_CUDA_KERNELS(X) \
  X(inverse_norms_f32)            \
  X(scores_1_query_f32)           \
  X(scores_8_queries_f32)         \
  X(score_selected_f32)           \
  X(narrow_rows_f16)              \
  X(narrow_rows_int8)             \
  X(narrow_queries_int8)          \
  X(bound_16_queries_f16)         \
  X(bound_64_queries_f16)         \
  X(bound_16_queries_tf32)        \
  X(bound_64_queries_tf32)        \
  X(bound_1_query_int8)           \
  X(bound_8_queries_int8)         \
  X(select_scores)                \
  X(merge_keys)                   \
  X(certify_keys)                 \
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
