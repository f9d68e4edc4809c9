#include "binding/resident_fill.h"

#include <cstring>

#include "core/floating_point_mode.h"
#include "kit/sampled_rows.h"
#include "kit/status.h"
#include "pool/clock.h"

namespace gearshift::binding {

SharedOperand* find_to_fill(Call& call, size_t index, OperandKind kind) noexcept {
  const int64_t handle = call.integer(index);
  SharedOperand* operand = call.state().handles().find(handle);
  if (operand != nullptr && operand->key().kind == kind &&
      OperandRegistry::claim(*operand, {&call.state(), handle}) == FillState::ours) {
    return operand;
  }
  call.fail(ErrorType::range, "handle: it names nothing that is the caller's to fill");
  return nullptr;
}

size_t fill_rows(const Execution& execution, const CallContext& context, ResidentMatrix& matrix, const float* values,
                 size_t from, size_t end, size_t dimensions) noexcept {
  auto body = [&](size_t begin, size_t stop, unsigned) noexcept {
    const FlushSubnormals flush;
    matrix.fill(*context.kernels, values, begin, stop);
  };
  // Reads and writes, into pages that the system has yet to hand out: not what the speed of scans is learned from.
  static Throughput fills;
  const ItemCost cost{2.0 * static_cast<double>(dimensions) * sizeof(float), 1};
  return run_in_chunks(execution, fills, cost, from, end, body);
}

int build_resident_graph(SharedOperand& operand, int64_t deadline_ns, const std::atomic<bool>* cancelled) noexcept {
  constexpr size_t kStep = 64 * 1024;  // nodes and edges: well below a millisecond
  GraphStaging& staging = operand.staging;
  if (!staging.is_allocated()) return kit::kInvalidGraph;
  for (;;) {
    const BuildProgress progress = staging.builder().advance(kStep);
    if (progress == BuildProgress::more) {
      if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) return kUnfinished;
      if (deadline_ns != 0 && now_ns() >= deadline_ns) return kUnfinished;
      continue;
    }
    operand.graph = staging.builder().take();
    staging.clear();
    switch (progress) {
      case BuildProgress::ready:
        operand.mark_ready();
        return kBuilt;
      case BuildProgress::out_of_memory:
        return kit::kOutOfMemory;
      default:
        return kit::kInvalidGraph;
    }
  }
}

bool holds_sample_of(const MatrixView& matrix, const float* values, size_t length) noexcept {
  if (matrix.row_count == 0) return true;
  if (length / matrix.row_count < matrix.dimensions) return false;
  return kit::visit_sampled_rows(matrix.row_count, matrix.dimensions, [&](size_t row, size_t elements) {
    return std::memcmp(matrix.rows + row * matrix.stride, values + row * matrix.dimensions, elements * sizeof(float)) == 0;
  });
}

}  // namespace gearshift::binding
