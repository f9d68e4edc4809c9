#pragma once

#include <node_api.h>

#include "binding/call_block.h"
#include "binding/candidate_list.h"
#include "binding/guarded_pins.h"
#include "binding/query_group.h"
#include "binding/scan_calls.h"
#include "binding/operand_handle.h"
#include "kit/binding/env_state.h"
#include "kit/handle_table.h"
#include "pool/thread_pool.h"

namespace gearshift::binding {

/** What the CPU addon knows about one JavaScript thread. */
class EnvState final : public kit::EnvState {
 public:
  /** Null when something it needs cannot be had; an exception may be pending then. */
  static EnvState* create(napi_env env) noexcept;

  ThreadPool& pool() const noexcept { return *pool_; }
  kit::HandleTable<OperandHandle>& handles() noexcept { return handles_; }
  /** Null until JavaScript shared one. */
  const CallBlock* block() const noexcept { return block_; }
  CallBlock* block() noexcept { return block_; }
  /** Takes the block, unless there is one; the one in use, or null. `array` must be shared and large enough. */
  napi_value share_block(napi_env env, napi_value array, void* memory) noexcept;

  /** Working space of synchronous calls, of which a thread has one at a time. */
  QueryGroup& queries() noexcept { return queries_; }
  CandidateList& candidates() noexcept { return candidates_; }
  TopKWorkspace& selectors() noexcept { return selectors_; }

  GuardedPins& pins() noexcept { return pins_; }

 private:
  EnvState() = default;
  void clean_up() noexcept override;

  ThreadPool* pool_ = nullptr;
  kit::HandleTable<OperandHandle> handles_;
  QueryGroup queries_;
  CandidateList candidates_;
  TopKWorkspace selectors_;
  GuardedPins pins_;
  CallBlock* block_ = nullptr;
  napi_ref block_array_ = nullptr;
};

}  // namespace gearshift::binding
