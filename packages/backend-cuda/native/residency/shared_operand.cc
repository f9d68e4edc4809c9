#include "residency/shared_operand.h"

#include <cstring>
#include <new>
#include <utility>

#include "kit/sampled_rows.h"

namespace gearshift::cuda {
namespace {

uint64_t sample_of(const void* elements, size_t element_bytes, size_t rows, size_t dimensions) noexcept {
  uint64_t hash = 14695981039346656037ull;  // FNV-1a
  kit::visit_sampled_rows(rows, dimensions, [&](size_t row, size_t count) {
    for (size_t j = 0; j < count; ++j) {
      uint32_t bits = 0;
      std::memcpy(&bits, static_cast<const char*>(elements) + (row * dimensions + j) * element_bytes, element_bytes);
      hash = (hash ^ bits) * 1099511628211ull;
    }
    return true;
  });
  return hash;
}

/** With device memory of its own; null: see outcome. */
std::unique_ptr<SharedOperand> create(const DeviceRef& device, const OperandKey& key, Companion companion,
                                      Outcome* outcome) noexcept {
  std::unique_ptr<SharedOperand> operand(new (std::nothrow) SharedOperand(device, key, companion));
  *outcome = operand == nullptr ? Outcome{Failure::no_host_memory} : operand->allocate();
  return outcome->ok() ? std::move(operand) : nullptr;
}

}  // namespace

SharedOperand::~SharedOperand() { abandon_fill(); }

void SharedOperand::abandon_fill() noexcept {
  // Ends when everything that is on its way has arrived: only then may its memory be used for something else.
  matrix_upload_.reset();
  graph_upload_.reset();
  is_filled_ = false;
}

void SharedOperand::fill_again(size_t begin, size_t end) noexcept {
  fill_begin_ = begin;
  fill_end_ = end;
  is_filled_ = false;
}

Outcome SharedOperand::allocate() noexcept {
  if (auto outcome = device_->make_current(); !outcome.ok()) return outcome;
  const auto& [first, second] = key().shape;
  return is_graph() ? graph.allocate(*device_, first, second) : matrix.allocate(*device_, first, second, companion_);
}

Outcome SharedOperand::advance_matrix(const void* elements, size_t element_count, const UploadTime& time,
                                      bool* finished) noexcept {
  if (matrix_upload_ == nullptr) {
    matrix_upload_.reset(new (std::nothrow)
                             MatrixUpload(*device_, matrix, key().format, fill_begin_, fill_end_, first_row + fill_begin_, gathered));
    if (matrix_upload_ == nullptr) return {Failure::no_host_memory};
  }
  const Outcome outcome = matrix_upload_->advance(elements, element_count, time, finished);
  if (!outcome.ok()) matrix_upload_.reset();
  if (!outcome.ok() || !*finished) return outcome;
  matrix_upload_.reset();
  if (key().id != kit::kPrivateId) sample_ = sample_of(elements, key().format.bytes(), key().shape[0], key().shape[1]);
  is_filled_ = true;
  return {};
}

Outcome SharedOperand::advance_graph(const uint32_t* row_pointers, const uint32_t* columns, const float* weights,
                                     const UploadTime& time, bool* finished) noexcept {
  if (graph_upload_ == nullptr) {
    graph_upload_.reset(new (std::nothrow) GraphUpload(*device_, graph));
    if (graph_upload_ == nullptr) return {Failure::no_host_memory};
  }
  const Outcome outcome = graph_upload_->advance(row_pointers, columns, weights, time, finished);
  if (!outcome.ok()) graph_upload_.reset();
  if (!outcome.ok() || !*finished) return outcome;
  graph_upload_.reset();
  mark_ready();
  return {};
}

bool SharedOperand::holds_sample_of(const void* elements, size_t element_count) const noexcept {
  const auto& [rows, dimensions] = key().shape;
  if (rows == 0) return true;
  if (element_count / rows < dimensions) return false;
  return sample_of(elements, key().format.bytes(), rows, dimensions) == sample_;
}

OpenedOperand open_operand(const DeviceRef& device, const OperandKey& key, Companion companion) noexcept {
  OpenedOperand opened;
  kit::Status status = kit::kDone;
  opened.operand = OperandRegistry::open<SharedOperand>(
      key, &status, [&] { return create(device, key, companion, &opened.outcome); });
  if (status == kit::kShapeConflict) opened.outcome = {Failure::shape_conflict};
  return opened;
}

OpenedOperand open_part(const DeviceRef& device, size_t rows, size_t dimensions, kit::ElementFormat format, size_t first_row,
                        kit::OwnedArray<uint32_t> gathered) noexcept {
  OpenedOperand opened;
  const OperandKey key{OperandKind::matrix, kit::kPrivateId, 0, {rows, dimensions}, device->ordinal(), format};
  auto operand = create(device, key, Companion::none, &opened.outcome);
  if (operand == nullptr) return opened;
  operand->first_row = first_row;
  operand->gathered = std::move(gathered);
  opened.operand = kit::Ref<SharedOperand>::adopt(operand.release());
  return opened;
}

}  // namespace gearshift::cuda
