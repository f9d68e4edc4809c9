#pragma once

#include <cstddef>
#include <cstdint>

#include "kit/element_format.h"

namespace gearshift {

using kit::ElementFormat;
using kit::ElementType;

/**
 * The scans of a level over rows of one type of elements. Rows begin at the elements `rows + r * stride`, on any multiple of
 * the size of an element; `scale` is that of int8, and has no meaning for other types. A row's result has the bits that the
 * kernels for float32 give for the same values.
 */
struct ScanKernels {
  /** out[r] = sum of query[i] * row[i]. */
  void (*dot)(const float* query, const void* rows, float scale, size_t stride, size_t row_count, size_t dimensions,
              float* out) noexcept;
  /** out[r] = sum of (query[i] - row[i])^2. */
  void (*squared_distance)(const float* query, const void* rows, float scale, size_t stride, size_t row_count,
                           size_t dimensions, float* out) noexcept;
  /** squared_norms[r] = sum of row[i]^2, with the bits of dot_and_squared_norm(). */
  void (*squared_norm)(const void* rows, float scale, size_t stride, size_t row_count, size_t dimensions,
                       float* squared_norms) noexcept;
  /**
   * The dot products, and the squared norms of the rows in the same pass.
   *
   * @param is_far the rows come from beyond the second-level cache: a hint
   */
  void (*dot_and_squared_norm)(const float* query, const void* rows, float scale, size_t stride, size_t row_count,
                               size_t dimensions, bool is_far, float* dots, float* squared_norms) noexcept;

  /**
   * The same for the rows `chosen[0]`, `chosen[1]`, ..., in any order: out[i] for the row chosen[i]. They differ from
   * rows in sequence only in where a row lies, so that its result has the same bits.
   */
  void (*dot_chosen)(const float* query, const void* rows, float scale, size_t stride, const uint32_t* chosen,
                     size_t count, size_t dimensions, float* out) noexcept;
  void (*squared_distance_chosen)(const float* query, const void* rows, float scale, size_t stride,
                                  const uint32_t* chosen, size_t count, size_t dimensions, float* out) noexcept;
  void (*dot_and_squared_norm_chosen)(const float* query, const void* rows, float scale, size_t stride,
                                      const uint32_t* chosen, size_t count, size_t dimensions, float* dots,
                                      float* squared_norms) noexcept;

  /** The same of rows in sequence for several queries: out[q * out_stride + r], with the bits of dot() and squared_distance(). */
  void (*dot_together)(const float* const* queries, size_t query_count, const void* rows, float scale, size_t stride,
                       size_t row_count, size_t dimensions, float* out, size_t out_stride) noexcept;
  void (*squared_distance_together)(const float* const* queries, size_t query_count, const void* rows, float scale,
                                    size_t stride, size_t row_count, size_t dimensions, float* out,
                                    size_t out_stride) noexcept;
};

/** A query's code has this many low parts to a high one. */
constexpr int32_t kLowPartsOfCode = 254;
/** Up to here the sum of products of a row's code with a query's fits in 32 bits. */
constexpr size_t kMostCodedDimensions = 4096;

/** What the bound of a row has from the query: see core/row_codes.h. */
struct CodeBoundTerms {
  int32_t twice_centre;  // twice the sum of the products for a code in the middle
  float half_unit;       // half of what a step of the sum is worth
  float base;            // the query times the mean of the rows
  float squared_query;   // rounded up
  float slack;           // for every rounding error
};

/** The cosine that a row must reach, from its norm: see CodeLimit in core/row_codes.h. */
struct CodeLimitTerms {
  double of_inverse_norm;
  double of_norm;
  double share;  // of relative rounding errors

  /** Lowered by more than the rounding to float32. */
  float limit(float inverse_norm) const noexcept {
    const double cosine = of_inverse_norm * inverse_norm + of_norm / inverse_norm;
    const double magnitude = cosine < 0 ? -cosine : cosine;
    return static_cast<float>(cosine - share * (1 + magnitude) - magnitude * 0x1p-22);
  }
};

/** The parts of a query for whole codes are at most this at every level: two products with bytes fit in 16 bits. */
constexpr int32_t kMostWholePart = 63;
/** And this where a level adds up products in another way: see CodeKernels::most_part. */
constexpr int32_t kMostWidePart = 127;
constexpr size_t kQueriesLaidOut = 16;

/** What the bound of a row by its whole code has from the query: see core/query_codes.h. */
struct WholeCodeTerms {
  int32_t twice_centre;
  float half_unit;
  float base;
  float length;  // of the coded query, rounded up
  float error;   // of its code, rounded up
  float slack;
};

/**
 * The kernels for codes of rows of at most kMostCodedDimensions: see code_kernels.inc for their layout. Planes are
 * followed by readable memory of kCodePadding bytes.
 */
struct CodeKernels {
  /** The parts of a query for whole_sums() and laid_out_sums() are at most this: kMostWholePart or kMostWidePart. */
  int32_t most_part;

  /** out[r] = sum over the dimensions of code[r] * (254 * high + low), for rows one behind the other. */
  void (*sums)(const int8_t* high, const int8_t* low, const uint8_t* plane, size_t row_count, size_t bytes,
               int32_t* out) noexcept;
  void (*sums_chosen)(const int8_t* high, const int8_t* low, const uint8_t* plane, const uint32_t* chosen, size_t count,
                      size_t bytes, int32_t* out) noexcept;
  /** Of each row an estimate of the cosine, and a number that it does not exceed. */
  void (*bounds)(const CodeBoundTerms& terms, const int32_t* sums, const float* scales, const float* residuals,
                 const float* inverse_squares, size_t count, float* estimates, float* bounds) noexcept;

  /** out[r] = terms.limit(inverse_norms[r]); anything for a row without a norm. */
  void (*limits)(const CodeLimitTerms& terms, const float* inverse_norms, size_t count, float* out) noexcept;

  /**
   * out[q * out_stride + r] = sum over the dimensions of code[r] * query[q], of whole codes, for some queries at once: 2 * bytes
   * parts of at most `most_part` each, one query behind the other, on a cache line. query_sums[q] is 128 times the
   * sum of the parts. Up to 3 sums behind the last row may be overwritten.
   */
  void (*whole_sums)(const int8_t* queries, const int32_t* query_sums, size_t query_count, const uint8_t* high,
                     const uint8_t* low, size_t row_count, size_t bytes, int32_t* out, size_t out_stride) noexcept;
  /** The same as bounds() for whole codes. */
  void (*whole_bounds)(const WholeCodeTerms& terms, const int32_t* sums, const float* scales, const float* residuals,
                       const float* lengths, size_t count, float* estimates, float* bounds) noexcept;

  /**
   * Null, or writes the parts of queries, one behind the other, as laid_out_sums() wants them. That has room for a number of queries
   * that is a multiple of kQueriesLaidOut.
   */
  void (*lay_out_queries)(const int8_t* parts, size_t query_count, size_t dimensions, int8_t* laid_out) noexcept;
  /** The same as whole_sums(), for queries that were laid out. Takes less time for queries that many rows are compared with. */
  void (*laid_out_sums)(const int8_t* laid_out, size_t query_count, const uint8_t* high, const uint8_t* low, size_t row_count,
                        size_t bytes, int32_t* out, size_t out_stride) noexcept;
};

/** Elements that the rotation of codes moves together, and sums side by side. */
constexpr size_t kCodeGroup = 16;

/** What the codes of a row, less their middle, have to do with the row. */
struct CodeFitSums {
  float scale;   // by which they are closest to it
  float square;  // sum of their squares, exactly
  float rest;    // sum of squares of what is left of the row
};

/** The kernels that make codes of rows, see encode_kernels.inc. Every level gives a row the same bits. */
struct EncodeKernels {
  /**
   * Groups of elements in the order of `order`, times `signs`, transformed in blocks, times `factor`: a step of CodeRotation. `dimensions`
   * is a multiple of 128 and of `block`, which is a power of two from 128. `out` is not `v`.
   */
  void (*transform)(const float* v, const float* signs, const uint32_t* order, size_t dimensions, size_t block, float factor,
                    float* out) noexcept;
  /** Numbers from 0 to 255 for a multiple of 16 elements, and how well their upper halves and they themselves fit. */
  void (*code)(const float* row, size_t count, float most_deviations, uint8_t* code, CodeFitSums* half, CodeFitSums* whole) noexcept;
};

/**
 * The kernels of one instruction-set level: one row of the table in kernel_table.cc.
 *
 * Every kernel is free of side effects but for its outputs, allocates nothing and takes any alignment. `dimensions` is at
 * least 1. Within a level the bits of a row's result depend on the row's values and the query alone: not on how many rows go
 * together, nor on their alignment, nor on the type of their elements.
 */
struct KernelTable {
  const char* name;

  ScanKernels scans[kit::kElementTypes];  // in the order of ElementType

  const ScanKernels& scans_of(ElementType type) const noexcept { return scans[kit::place_of(type)]; }

  /** scores[r] = scores[r] * inverse_norms[r] * factor, clamped to [-1, 1]; NaN stays NaN, and -0 becomes 0. Returns whether any is NaN. */
  bool (*finish_cosine_f32)(float* scores, const float* inverse_norms, float factor, size_t count) noexcept;
  /** scores[r] = sqrt(scores[r]). Returns whether any is not finite. */
  bool (*finish_euclidean_f32)(float* scores, size_t count) noexcept;
  /** Returns whether any score is not finite. */
  bool (*any_not_finite_f32)(const float* scores, size_t count) noexcept;

  /**
   * Appends to `survivors` the positions in [0, count), ascending, of scores better than `threshold`; NaN is not. At least
   * `count` entries must fit, and 16 more may be overwritten. Returns how many were appended.
   */
  size_t (*above_f32)(const float* scores, size_t count, float threshold, uint32_t* survivors) noexcept;
  size_t (*below_f32)(const float* scores, size_t count, float threshold, uint32_t* survivors) noexcept;

  CodeKernels codes;
  EncodeKernels encoding;

  /**
   * Weighted sums over a slice of 16 lanes: sums[lane] += sum over step < lengths[lane] of weights[step * 16 + lane] *
   * x[columns[step * 16 + lane]], in double precision, in the order of the steps with one accumulator a lane. A product of two
   * float32 is exact in double precision, so a fused multiply-add changes nothing and every level gives the same bits.
   * `lengths` descends; nothing behind a lane's length is read from x. Columns below 2^31, but at `portable`: see
   * spreading_kernels().
   */
  void (*add_slice_sums_f32)(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                             double* sums) noexcept;
  /** The same for CPUs with slow gathers. */
  void (*add_slice_sums_by_loads_f32)(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                                      double* sums) noexcept;
};

/** A level as it is on CPUs with more than it needs. */
struct LevelVariant {
  const char* name;  // of the level and of what is added
  KernelTable kernels;
  bool can_run;  // if the level can
};

/** A level of this build: its kernels, and the CPU features it needs. */
struct Level {
  static constexpr size_t kMostVariants = 2;

  /** For this CPU. */
  const KernelTable* kernels;
  /** What the level needs and this CPU (or its operating system) lacks, separated by spaces; empty when it can run. */
  const char* missing;
  /** For tests: the level as it is on CPUs that have nothing but what it needs. */
  const KernelTable* plain;
  /** Each has what the one before has. */
  const LevelVariant* variants;
  size_t variant_count;
  /** The CPU features of the best variant that can run, beyond what the level needs, separated by spaces. */
  const char* features;
};

/** Every level of this build, best first; the last is `portable`, which always runs. */
struct LevelList {
  const Level* levels;
  size_t count;
};
LevelList all_levels() noexcept;

/** Of the best level of this CPU, for what every level does with the same result. Null if that is `portable`. */
const KernelTable* vector_kernels() noexcept;

}  // namespace gearshift
