#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "kit/store/stored_rows.h"

namespace gearshift::binding {

/** The pins of one JavaScript thread in stored matrices, which end with it, however it ends. */
class GuardedPins {
 public:
  /** Its number, or 0 when there is no memory. Keeps the control array alive. */
  int64_t add(napi_env env, napi_value array, kit::AtomicInt* control, size_t index) noexcept {
    std::unique_ptr<Pin> pin(new (std::nothrow) Pin{++last_number_, control, index, nullptr, first_});
    if (pin == nullptr || napi_create_reference(env, array, 1, &pin->array) != napi_ok) return 0;
    first_ = pin.release();
    return first_->number;
  }

  /** The pin is its owner's to clear again. */
  void remove(napi_env env, int64_t number) noexcept {
    for (Pin** link = &first_; *link != nullptr; link = &(*link)->next) {
      if ((*link)->number != number) continue;
      const std::unique_ptr<Pin> removed(*link);
      *link = removed->next;
      napi_delete_reference(env, removed->array);
      return;
    }
  }

  /** The thread ends. */
  void clear(napi_env env) noexcept {
    while (first_ != nullptr) {
      const std::unique_ptr<Pin> pin(first_);
      first_ = pin->next;
      kit::clear_pin(pin->control, pin->index);
      napi_delete_reference(env, pin->array);
    }
  }

 private:
  struct Pin {
    int64_t number;
    kit::AtomicInt* control;
    size_t index;
    napi_ref array;
    Pin* next;
  };

  Pin* first_ = nullptr;  // one for each matrix that the thread uses
  int64_t last_number_ = 0;
};

}  // namespace gearshift::binding
