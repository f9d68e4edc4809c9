#include "binding/call_context.h"

namespace gearshift::binding {
namespace {

constexpr uint32_t kMetricMask = 0x3;
constexpr uint32_t kLevelShift = 2;
constexpr uint32_t kLevelMask = 0x7;
constexpr uint32_t kSliceShift = 5;
constexpr uint32_t kSliceMask = 0xff;
constexpr uint32_t kThreadsShift = 13;
constexpr int64_t kNsPerMs = 1'000'000;

// Process-wide by nature: all threads share the memory that has this speed. Zero-initialised, without a destructor.
Throughput scan_throughput[kLevelMask + 1][kit::kElementTypes];
Throughput spread_throughput[kLevelMask + 1];

CallContext decode(Call& call, uint32_t bits) noexcept {
  const uint32_t metric = bits & kMetricMask;
  const uint32_t level = bits >> kLevelShift & kLevelMask;
  if (metric > static_cast<uint32_t>(Metric::euclidean)) call.fail(ErrorType::range, "context: there is no such metric");
  const LevelList list = all_levels();
  if (level >= list.count || list.levels[level].missing[0] != '\0') {
    call.fail(ErrorType::range, "context: the CPU does not have this level");
    return {};
  }
  const auto threads = bits >> kThreadsShift;
  return {static_cast<Metric>(metric),
          list.levels[level].kernels,
          scan_throughput[level],
          &spread_throughput[level],
          threads == 0 ? 1u : threads,
          static_cast<int64_t>(bits >> kSliceShift & kSliceMask) * kNsPerMs};
}

}  // namespace

CallContext read_context(Call& call, size_t index) noexcept {
  return decode(call, static_cast<uint32_t>(call.small(index)));
}

CallContext read_block_context(Call& call) noexcept {
  if (call.state().block() == nullptr) {
    call.fail(ErrorType::range, "the block of scalars was not shared");
    return {};
  }
  return decode(call, static_cast<uint32_t>(call.small_scalar(kContextScalar)));
}

}  // namespace gearshift::binding
