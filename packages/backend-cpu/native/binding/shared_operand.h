#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>

#include "binding/graph_staging.h"
#include "binding/missing_rows.h"
#include "binding/sampled_rows.h"
#include "binding/transposed_form.h"
#include "core/graph.h"
#include "core/matrix.h"
#include "kit/operand_registry.h"
#include "kit/store/layout.h"

namespace gearshift::binding {

using kit::FillState;
using kit::OperandKey;
using kit::OperandKind;
using kit::OperandRegistry;

/** In a key: rows that are read in place and rows that are copied are never confused. */
constexpr int kCopied = 0;
constexpr int kInPlace = 1;

/** What the process keeps of one operand in host memory. */
class SharedOperand final : public kit::Operand {
 public:
  /** With memory for a matrix; that of a graph is allocated when it is filled. Null: out of memory. */
  static std::unique_ptr<SharedOperand> create(const OperandKey& key) noexcept {
    std::unique_ptr<SharedOperand> created(new (std::nothrow) SharedOperand(key));
    if (created == nullptr || key.kind != OperandKind::matrix) return created;
    const auto place = key.device == kInPlace ? ResidentMatrix::Rows::in_place : ResidentMatrix::Rows::copied;
    created->matrix = ResidentMatrix::allocate(key.shape[0], key.shape[1], place, key.format);
    const bool has_memory = created->matrix != nullptr && created->missing.set_all(key.shape[0]);
    return has_memory ? std::move(created) : nullptr;
  }

  /** What each handle reports to V8: of a graph known before it is built. */
  size_t reported_bytes() const noexcept {
    if (matrix) return matrix->bytes();
    return key().shape[0] * sizeof(uint32_t) + key().shape[1] * (sizeof(uint32_t) + sizeof(float)) + transposed.bytes();
  }

  ~SharedOperand() override {
    if (codes_claim_ != nullptr && matrix->has_saved_codes_unchanged()) codes_claim_->store(0, std::memory_order_release);
  }

  /**
   * The right to use the codes of a file, which changes of rows make those of a later version. No other operand gets it until this
   * one ends, and none ever if rows were changed.
   *
   * @param word of the memory of the matrix, which lives longer than the operand
   */
  bool claim_codes(kit::AtomicInt* word) noexcept {
    int32_t free = 0;
    if (!word->compare_exchange_strong(free, 1, std::memory_order_acq_rel)) return false;
    codes_claim_ = word;
    return true;
  }

  size_t bytes() const noexcept { return matrix ? matrix->bytes() : graph ? graph->bytes() + transposed.bytes() : 0; }

  std::unique_ptr<ResidentMatrix> matrix;
  MissingRows missing;                    // of a matrix that is not ready
  kit::Ref<SharedOperand> earlier;        // the version to take the norms of all other rows from; null: they are there
  SampledRows sample;                     // of rows in place
  std::atomic<bool> is_encoding{false};   // a thread makes codes of the rows
  std::mutex between_steps;               // held by a step of a build of codes, and by what changes rows that it may read
  std::unique_ptr<ResidentGraph> graph;   // null until it was built
  TransposedForm transposed;              // of the graph
  GraphStaging staging;                   // belongs to the handle that fills the copy

 private:
  explicit SharedOperand(const OperandKey& key) noexcept : kit::Operand(key) {}

  kit::AtomicInt* codes_claim_ = nullptr;
};

}  // namespace gearshift::binding
