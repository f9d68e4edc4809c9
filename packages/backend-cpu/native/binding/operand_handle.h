#pragma once

#include <node_api.h>

#include <cstddef>
#include <utility>

#include "binding/row_place.h"
#include "binding/shared_operand.h"
#include "kit/binding/external_memory.h"
#include "kit/ref.h"

namespace gearshift::binding {

/** What one JavaScript thread holds of an operand: the process's copy, and where this thread sees rows that were not copied. */
class OperandHandle {
 public:
  OperandHandle(kit::Ref<SharedOperand> operand, const RowPlace& place) noexcept
      : operand_(std::move(operand)), place_(place) {}

  SharedOperand& operand() const noexcept { return *operand_; }
  const RowPlace& place() const noexcept { return place_; }
  PlaceReferences& references() noexcept { return references_; }

  /** The rows to scan; only if the operand is a matrix that is ready. */
  MatrixView view() const noexcept {
    const ResidentMatrix& matrix = *operand_->matrix;
    return matrix.is_in_place() ? matrix.view_of_rows(place_.rows, place_.stored_version()) : matrix.view();
  }

  /** The rows are those of another version now, in the same memory. */
  void move_to(const RowPlace& place) noexcept { place_ = place; }

  /** Tells V8 what the handle keeps alive, until it is released. */
  void report(napi_env env) noexcept {
    if (is_released_) return;
    const size_t bytes = operand_->reported_bytes();
    kit::change_reported_memory(env, reported_bytes_, bytes);
    reported_bytes_ = bytes;
  }
  /** The same if it keeps more or fewer bytes than before. */
  void report_changes(napi_env env) noexcept {
    if (reported_bytes_ != operand_->reported_bytes()) report(env);
  }
  /** JavaScript has no use for it any more; a job may. */
  void drop(napi_env env) noexcept {
    is_released_ = true;
    kit::take_back_memory(env, reported_bytes_);
    references_.drop(env);
  }

  // Handles belong to one thread.
  static void retain(OperandHandle* handle) noexcept { ++handle->count_; }
  static void release(OperandHandle* handle) noexcept {
    if (--handle->count_ == 0) delete handle;
  }

 private:
  kit::Ref<SharedOperand> operand_;
  RowPlace place_;
  PlaceReferences references_;
  size_t reported_bytes_ = 0;
  bool is_released_ = false;
  unsigned count_ = 1;
};

}  // namespace gearshift::binding
