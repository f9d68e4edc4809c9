#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

#include "core/matrix.h"
#include "kit/binding/job.h"
#include "kit/store/stored_version.h"

namespace gearshift::binding {

class Call;

/**
 * Rows in memory that threads share, as one JavaScript thread sees them. A stored matrix has besides them what keeps readers
 * and writers apart.
 */
struct RowPlace {
  /** JavaScript values that keep the memory alive: of the rows, and of a stored matrix the control array, heads, log, and codes. */
  static constexpr size_t kArrays = 5;

  const void* rows = nullptr;  // null: nowhere
  bool is_stored = false;
  bool has_codes = false;  // of a file
  kit::StoredVersion version{};

  bool is_same_memory(const RowPlace& other) const noexcept {
    return rows == other.rows && is_stored == other.is_stored && version.control == other.version.control;
  }
  /** Null for rows that do not change. */
  const kit::StoredVersion* stored_version() const noexcept { return is_stored ? &version : nullptr; }
};

/** Where the arguments of an entry are that describe a place. All but the first may be left out, or undefined. */
struct PlaceArguments {
  size_t values;
  size_t sequence;
  size_t control;
  size_t heads;
  size_t log;
  size_t codes;
};

constexpr size_t kNoArgument = SIZE_MAX;

/** The usual order: sequence, control, heads, log. */
constexpr PlaceArguments place_arguments(size_t values, size_t first, size_t codes = kNoArgument) noexcept {
  return {values, first, first + 1, first + 2, first + 3, codes};
}

/** Neither left out nor undefined. */
bool is_given(const Call& call, size_t index) noexcept;

/**
 * Reads and checks a place; fails the call if an argument is of the wrong kind or not in shared memory. `status` is kInputGone
 * where there are fewer rows, or less of the log, than there have to be.
 */
RowPlace read_place(Call& call, const PlaceArguments& arguments, ElementFormat format, size_t row_count, size_t dimensions,
                    int* status) noexcept;

/** Reads the memory of a stored matrix, of which the rows are known; fails the call like read_place(). */
void read_stored_version(Call& call, const PlaceArguments& arguments, ElementFormat format, size_t row_count,
                         size_t dimensions, int32_t sequence, RowPlace& place, int* status) noexcept;

/** The buffers behind the typed arrays of a place, which stay valid while they are referenced. */
class PlaceReferences {
 public:
  PlaceReferences() = default;
  PlaceReferences(const PlaceReferences&) = delete;
  PlaceReferences& operator=(const PlaceReferences&) = delete;

  /** False, and nothing is taken, when there is no memory. */
  bool take(Call& call, const PlaceArguments& arguments, const RowPlace& place) noexcept;
  /** Has a job keep the same buffers, from the place `first` on. */
  bool keep_for(napi_env env, kit::Job& job, size_t first) const noexcept;
  /** Must be called before the end. */
  void drop(napi_env env) noexcept;

 private:
  napi_ref buffers_[RowPlace::kArrays] = {};
};

}  // namespace gearshift::binding
