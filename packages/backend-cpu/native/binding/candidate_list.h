#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "kit/status.h"

namespace gearshift::binding {

/**
 * A checked copy of row numbers: the original may live in shared memory, where another thread can change a number between
 * the check and the use.
 */
class CandidateList {
 public:
  CandidateList() = default;
  CandidateList(const CandidateList&) = delete;
  CandidateList& operator=(const CandidateList&) = delete;
  ~CandidateList() { std::free(rows_); }

  /** Null when there is no memory or a number is not below `row_count`; see status(). */
  uint32_t* copy(const uint32_t* source, size_t count, size_t row_count) noexcept {
    if (count > capacity_ || rows_ == nullptr) {
      std::free(rows_);
      capacity_ = count > SIZE_MAX / sizeof(uint32_t) ? 0 : count;
      rows_ = static_cast<uint32_t*>(std::malloc((capacity_ + 1) * sizeof(uint32_t)));
      if (rows_ == nullptr || capacity_ < count) {
        capacity_ = 0;
        status_ = kit::kOutOfMemory;
        return nullptr;
      }
    }
    for (size_t i = 0; i < count; ++i) {
      const uint32_t row = reinterpret_cast<const volatile uint32_t*>(source)[i];
      if (row >= row_count) {
        status_ = kit::kInputGone;
        return nullptr;
      }
      rows_[i] = row;
    }
    return rows_;
  }

  int status() const noexcept { return status_; }

 private:
  uint32_t* rows_ = nullptr;
  size_t capacity_ = 0;
  int status_ = kit::kDone;
};

}  // namespace gearshift::binding
