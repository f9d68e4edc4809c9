#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "binding/graph_staging.h"
#include "core/graph.h"
#include "core/matrix.h"
#include "kit/operand_registry.h"

namespace gearshift::binding {

using kit::FillState;
using kit::OperandKey;
using kit::OperandKind;
using kit::OperandRegistry;

/** The process's copy of one operand in host memory. */
class SharedOperand final : public kit::Operand {
 public:
  /** With memory for a matrix; that of a graph is allocated when it is filled. Null: out of memory. */
  static std::unique_ptr<SharedOperand> create(const OperandKey& key) noexcept {
    std::unique_ptr<SharedOperand> created(new (std::nothrow) SharedOperand(key));
    if (created == nullptr || key.kind != OperandKind::matrix) return created;
    created->matrix = ResidentMatrix::allocate(key.shape[0], key.shape[1]);
    return created->matrix == nullptr ? nullptr : std::move(created);
  }

  /** What each handle reports to V8: known before a graph is built, and the same until the end. */
  size_t reported_bytes() const noexcept {
    return matrix ? matrix->bytes() : key().shape[0] * sizeof(uint32_t) + key().shape[1] * (sizeof(uint32_t) + sizeof(float));
  }

  size_t bytes() const noexcept { return matrix ? matrix->bytes() : graph ? graph->bytes() : 0; }

  std::unique_ptr<ResidentMatrix> matrix;
  std::unique_ptr<ResidentGraph> graph;  // null until it was built
  GraphStaging staging;                  // belongs to the handle that fills the copy

 private:
  explicit SharedOperand(const OperandKey& key) noexcept : kit::Operand(key) {}
};

}  // namespace gearshift::binding
