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
      : kit::Operand(key), device_(device), companion_(companion), fill_end_(key.shape[0]) {}
  ~SharedOperand() override;

  Device& device() const noexcept { return *device_; }
  bool is_graph() const noexcept { return key().kind == OperandKind::graph; }
  size_t bytes() const noexcept { return is_graph() ? graph.bytes() : matrix.bytes(); }

  Outcome allocate() noexcept;
  /**
   * The next steps of filling it, for the thread that is to fill the copy. A matrix is not ready when it is finished: the caller
   * looks whether its rows changed meanwhile, and marks it ready, or gives it up for the next thread to fill anew.
   */
  Outcome advance_matrix(const void* elements, size_t element_count, const UploadTime& time, bool* finished) noexcept;
  Outcome advance_graph(const uint32_t* row_pointers, const uint32_t* columns, const float* weights, const UploadTime& time,
                        bool* finished) noexcept;
  /** Of a matrix: whether everything has arrived that is to be filled. */
  bool is_filled() const noexcept { return is_filled_; }
  /** Makes rows [begin, end) of a matrix those to be filled. */
  void fill_again(size_t begin, size_t end) noexcept;
  /** Whether these elements, of the type of the copy, are those it was filled with, by a sample of them. */
  bool holds_sample_of(const void* elements, size_t element_count) const noexcept;

  DeviceMatrix matrix;
  DeviceGraph graph;

  // Of a part, made for one request.
  size_t first_row = 0;
  kit::OwnedArray<uint32_t> gathered;

 private:
  void abandon_fill() noexcept override;

  const DeviceRef device_;
  const Companion companion_;
  // Rows that are to be filled, at first all.
  size_t fill_begin_ = 0;
  size_t fill_end_;
  bool is_filled_ = false;
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
OpenedOperand open_part(const DeviceRef& device, size_t rows, size_t dimensions, kit::ElementFormat format, size_t first_row,
                        kit::OwnedArray<uint32_t> gathered) noexcept;

}  // namespace gearshift::cuda
