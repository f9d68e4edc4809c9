#pragma once

#include <cstddef>
#include <cstdint>

namespace gearshift::binding {

/**
 * Memory that both sides see: the scalars of the next synchronous call, and the results of a small one. Reading a number or
 * a typed array from a JavaScript value costs as much as the whole call does otherwise. It lies in a SharedArrayBuffer,
 * which cannot be detached and which the addon keeps alive. The layout is that of src/call-block.ts.
 */
struct CallBlock {
  static constexpr size_t kScalars = 22;
  static constexpr size_t kResults = 64;

  double scalars[kScalars];
  uint32_t indices[kResults];
  float scores[kResults];
};
static_assert(sizeof(CallBlock) == 688, "src/call-block.ts says so");

/** Places among the scalars. */
enum Scalar : size_t {
  kContextScalar,
  kHandleScalar,  // 0: the rows come as an array
  kDimensionsScalar,
  kStartScalar,
  kEndScalar,
  kFromScalar,
  kFirstQueryScalar,
  kKScalar,
  kOutputQueryScalar,
  kDecayScalar,
  kRetentionScalar,
  kThresholdScalar,
  kSequenceScalar,  // if the rows are those of a stored matrix
  kDtypeScalar,     // of rows that come as an array, as are the dimensions
  kScaleScalar,
  kHopsScalar,
  // Results of a top-k: CertifiedCounts.
  kScannedScalar,  // 0: a scan in float32; -1: the same, for lack of codes
  kExaminedScalar,
  kRescoredScalar,
  kWholeScalar,
  kPlainScalar,
  // Of a top-k: the queries of the slices before, 0 for the first; then those that it ranked.
  kQueriesScalar,
};

}  // namespace gearshift::binding
