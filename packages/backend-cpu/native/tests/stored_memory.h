#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "kit/store/stored_rows.h"
#include "kit/store/stored_version.h"

namespace gearshift::tests {

/** Plain copying, as the addon does for small changes. */
inline kit::ByteCopier plain_copier() {
  return {[](void*, void* to, const void* from, size_t bytes) noexcept { std::memmove(to, from, bytes); }, nullptr};
}

inline int32_t sequence_of(double version) { return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint64_t>(version) * 2)); }

inline double version_after(double version) { return sequence_of(version + 1) == 0 ? version + 2 : version + 1; }

/** The memory of a stored matrix, as JavaScript lays it out, with room to grow. */
class StoredMemory {
 public:
  StoredMemory(size_t row_bytes, size_t capacity, size_t log_slots, double version)
      : control_(kit::kControlWords),
        rows_((capacity * row_bytes + sizeof(Line) - 1) / sizeof(Line)),
        stamps_(capacity),
        heads_(capacity),
        log_(log_slots * kit::slot_bytes_of(row_bytes) / sizeof(Line)),
        removed_((capacity + 31) / 32),
        removals_(capacity * 2) {
    matrix_ = {atomic<kit::AtomicInt>(control_.data()),
               {reinterpret_cast<uint8_t*>(rows_.data()), capacity * row_bytes},
               {atomic<kit::AtomicInt>(stamps_.data()), capacity},
               {atomic<kit::AtomicUint>(heads_.data()), capacity},
               {reinterpret_cast<uint8_t*>(log_.data()), log_.size() * sizeof(Line)},
               {atomic<kit::AtomicUint>(removed_.data()), removed_.size()},
               {atomic<kit::AtomicInt>(removals_.data()), removals_.size()},
               row_bytes};
    const kit::Header header{version, 0, 0, 0};
    const int32_t sequence = sequence_of(version);
    std::memcpy(control_.data() + kit::kHeaders + (sequence >> 1 & 1) * 8, &header, sizeof header);
    matrix_.control[kit::kWriting] = sequence;
    matrix_.control[kit::kCurrent] = sequence;
  }

  kit::StoredRows& matrix() { return matrix_; }
  const uint8_t* rows() const { return matrix_.rows.data; }
  const uint8_t* row(size_t number) const { return rows() + number * matrix_.row_bytes; }

  kit::ChangeOutcome append(const std::vector<uint8_t>& rows) {
    size_t first = 0;
    return kit::append_rows(matrix_, rows.data(), rows.size() / matrix_.row_bytes, plain_copier(), &first);
  }
  kit::ChangeOutcome update(size_t start, const std::vector<uint8_t>& rows, kit::ByteCopier copier = plain_copier()) {
    return kit::update_rows(matrix_, start, rows.data(), rows.size() / matrix_.row_bytes, copier);
  }

  kit::StoredVersion version(int32_t sequence) const {
    return {matrix_.control, matrix_.heads.data, matrix_.log.data, matrix_.slot_bytes(), sequence};
  }

  /** A reader's pin in one place; the header of the pinned version. */
  kit::Header pin(size_t place, int32_t* sequence) {
    kit::AtomicInt& pin = matrix_.control[kit::kPins + 2 * place + 1];
    for (;;) {
      *sequence = matrix_.control[kit::kCurrent];
      pin = *sequence + 1;
      kit::Header header;
      {
        const kit::RacingAccess racing;
        std::memcpy(&header, control_.data() + kit::kHeaders + (*sequence >> 1 & 1) * 8, sizeof header);
      }
      if (matrix_.control[kit::kCurrent] == *sequence) return header;
    }
  }
  void unpin(size_t place) { matrix_.control[kit::kPins + 2 * place + 1] = 0; }

 private:
  struct alignas(16) Line {
    uint32_t words[4];
  };

  template <typename T, typename U>
  static T* atomic(U* plain) {
    return reinterpret_cast<T*>(plain);
  }

  std::vector<int32_t> control_;
  std::vector<Line> rows_;
  std::vector<int32_t> stamps_;
  std::vector<uint32_t> heads_;
  std::vector<Line> log_;
  std::vector<uint32_t> removed_;
  std::vector<int32_t> removals_;
  kit::StoredRows matrix_;
};

}  // namespace gearshift::tests
