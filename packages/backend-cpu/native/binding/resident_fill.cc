#include "binding/resident_fill.h"

#include <algorithm>
#include <mutex>

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
    missing.visit(begin, stop, [&](size_t start, size_t end, bool keeps_codes) {
      matrix.fill(*context.kernels, values, start, end, version, keeps_codes);
    });
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

namespace {

MatrixView rows_of(const ResidentMatrix& matrix, const RowPlace& place) noexcept {
  return matrix.is_in_place() ? matrix.view_of_rows(place.rows, place.stored_version()) : matrix.view();
}

}  // namespace

int encode_rows(const CallContext& context, const Execution& execution, SharedOperand& operand, const RowPlace& place) noexcept {
  ResidentMatrix& matrix = *operand.matrix;
  if (operand.is_encoding.exchange(true, std::memory_order_acquire)) return kit::kDone;
  const MatrixView rows = rows_of(matrix, place);
  size_t reached = rows.row_count;
  if (!matrix.has_codes() && (matrix.is_coding() || matrix.choose_codes(rows))) {
    auto body = [&](size_t begin, size_t end, unsigned) noexcept {
      const FlushSubnormals flush;
      matrix.encode(*context.kernels, rows, begin, end);
    };
    // As the reading of some rows takes, without having more to do with it.
    constexpr double kWorkOfElement = 8;
    static Throughput codes;
    const ItemCost cost{kWorkOfElement * static_cast<double>(rows.stride_bytes())};
    reached = run_in_chunks(execution, codes, cost, matrix.coded_rows(), rows.row_count, body);
    matrix.publish_codes(reached);
  }
  operand.is_encoding.store(false, std::memory_order_release);
  return reached == rows.row_count ? kit::kDone : kit::kCancelled;
}

int encode_some_rows(const CallContext& context, const std::atomic<bool>* cancelled, SharedOperand& operand, const RowPlace& place, int64_t version,
                     int64_t duration_ns) noexcept {
  constexpr size_t kRowsOfStep = 16;
  if (operand.is_encoding.exchange(true, std::memory_order_acquire)) return kit::kDone;
  const FlushSubnormals flush;
  const int64_t deadline_ns = now_ns() + duration_ns;
  int status = kit::kDone;
  do {
    if (cancelled->load(std::memory_order_relaxed)) {
      status = kit::kCancelled;
      break;
    }
    std::lock_guard<std::mutex> lock(operand.between_steps);
    ResidentMatrix& matrix = *operand.matrix;
    if (!operand.is_ready() || operand.key().version != version || matrix.is_coded()) break;
    if (matrix.has_codes()) {
      matrix.find_centres();
      continue;
    }
    const MatrixView rows = rows_of(matrix, place);
    if (!matrix.is_coding() && !matrix.choose_codes(rows)) {
      status = kit::kOutOfMemory;
      break;
    }
    const size_t start = matrix.coded_rows();
    const size_t end = std::min(rows.row_count, start + kRowsOfStep);
    matrix.encode(*context.kernels, rows, start, end);
    matrix.publish_codes(end);
  } while (now_ns() < deadline_ns);
  operand.is_encoding.store(false, std::memory_order_release);
  return status;
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
