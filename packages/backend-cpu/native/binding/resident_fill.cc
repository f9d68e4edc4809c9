#include "binding/resident_fill.h"

#include "core/floating_point_mode.h"
#include "kit/status.h"
#include "pool/clock.h"

namespace gearshift::binding {

OperandHandle* find_to_fill(Call& call, size_t index, OperandKind kind) noexcept {
  const int64_t number = call.integer(index);
  OperandHandle* handle = call.state().handles().find(number);
  if (handle != nullptr && handle->operand().key().kind == kind &&
      OperandRegistry::claim(handle->operand(), {&call.state(), number}) == FillState::ours) {
    return handle;
  }
  call.fail(ErrorType::range, "handle: it names nothing that is the caller's to fill");
  return nullptr;
}

int64_t fill_rows(const Execution& execution, const CallContext& context, SharedOperand& operand, const void* values,
                  const kit::StoredVersion* version, size_t from) noexcept {
  ResidentMatrix& matrix = *operand.matrix;
  if (operand.earlier != nullptr) {
    matrix.take_norms(*operand.earlier->matrix);
    operand.earlier = nullptr;
  }
  const MissingRows& missing = operand.missing;
  auto body = [&](size_t begin, size_t stop, unsigned) noexcept {
    const FlushSubnormals flush;
    missing.visit(begin, stop, [&](size_t start, size_t end) { matrix.fill(*context.kernels, values, start, end, version); });
  };
  // Copies go into pages that the system has yet to hand out, and norms are few: not what the speed of scans is learned from.
  static Throughput copies;
  static Throughput norms;
  const bool is_in_place = matrix.is_in_place();
  const ItemCost cost{(is_in_place ? 1.0 : 2.0) * static_cast<double>(operand.key().shape[1] * operand.key().format.bytes()), 1};
  const size_t reached = run_in_chunks(execution, is_in_place ? norms : copies, cost, from, missing.count(), body);
  if (reached < missing.count()) return static_cast<int64_t>(reached);
  if (is_in_place && !operand.sample.take(matrix.view_of_rows(values, version))) return kit::kOutOfMemory;
  operand.missing.clear();
  operand.mark_ready();
  return static_cast<int64_t>(reached);
}

int encode_rows(const Execution& execution, SharedOperand& operand, const RowPlace& place) noexcept {
  ResidentMatrix& matrix = *operand.matrix;
  if (operand.is_encoding.exchange(true, std::memory_order_acquire)) return kit::kDone;
  const MatrixView rows = matrix.is_in_place() ? matrix.view_of_rows(place.rows, place.stored_version()) : matrix.view();
  size_t reached = rows.row_count;
  if (!matrix.has_codes() && matrix.choose_codes(rows)) {
    auto body = [&](size_t begin, size_t end, unsigned) noexcept {
      const FlushSubnormals flush;
      matrix.encode(rows, begin, end);
    };
    // As the reading of some rows takes, without having more to do with it.
    constexpr double kWorkOfElement = 8;
    static Throughput codes;
    const ItemCost cost{kWorkOfElement * static_cast<double>(rows.stride_bytes())};
    reached = run_in_chunks(execution, codes, cost, 0, rows.row_count, body);
    if (reached == rows.row_count) matrix.publish_codes();
  }
  operand.is_encoding.store(false, std::memory_order_release);
  return reached == rows.row_count ? kit::kDone : kit::kCancelled;
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

}  // namespace gearshift::binding
