#pragma once

#include <cstdint>
#include <memory>

#include "kit/operand_registry.h"
#include "operations/upload.h"

namespace gearshift::cuda {

using kit::FillState;
using kit::OperandKey;
using kit::OperandKind;
using kit::OperandRegistry;

/** A copy of an operand on a device, shared by the threads of the process; or a part of one, for a single request. */
class SharedOperand final : public kit::Operand {
 public:
  /** `companion`: of two threads that want different ones, the first decides. */
  SharedOperand(const DeviceRef& device, const OperandKey& key, Companion companion) noexcept
      : kit::Operand(key), fill_end(key.shape[0]), device_(device), companion_(companion) {}
  ~SharedOperand() override;

  Device& device() const noexcept { return *device_; }
  bool is_graph() const noexcept { return key().kind == OperandKind::graph; }
  size_t bytes() const noexcept { return is_graph() ? graph.bytes() : matrix.bytes(); }

  Outcome allocate() noexcept;
  /** The next steps of filling it, for the thread that is to fill the copy. */
  Outcome advance_matrix(const float* values, size_t value_count, const UploadTime& time, bool* finished) noexcept;
  Outcome advance_graph(const uint32_t* row_pointers, const uint32_t* columns, const float* weights, const UploadTime& time,
                        bool* finished) noexcept;
  /** Whether these values are those of the copy, by a sample of them. */
  bool holds_sample_of(const float* values, size_t value_count) const noexcept;

  DeviceMatrix matrix;
  DeviceGraph graph;

  /** Rows that are to be filled, at first all. */
  size_t fill_begin = 0;
  size_t fill_end;

  // Of a part, made for one request.
  size_t first_row = 0;
  kit::OwnedArray<uint32_t> gathered;

 private:
  void abandon_fill() noexcept override;

  const DeviceRef device_;
  const Companion companion_;
  std::unique_ptr<MatrixUpload> matrix_upload_;
  std::unique_ptr<GraphUpload> graph_upload_;
  uint64_t sample_ = 0;
};

struct OpenedOperand {
  kit::Ref<SharedOperand> operand;  // null: see outcome
  Outcome outcome;
};

/** The process's copy with this key, which is made where there is none. */
OpenedOperand open_operand(const DeviceRef& device, const OperandKey& key, Companion companion) noexcept;

/** A copy that no other thread can name: rows [first_row, first_row + rows), or the gathered ones. */
OpenedOperand open_part(const DeviceRef& device, size_t rows, size_t dimensions, size_t first_row,
                        kit::OwnedArray<uint32_t> gathered) noexcept;

}  // namespace gearshift::cuda
