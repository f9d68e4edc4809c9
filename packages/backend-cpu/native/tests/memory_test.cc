// Copies, memory and the state of the CPU that the core leaves behind.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/aligned_memory.h"
#include "core/floating_point_mode.h"
#include "core/matrix.h"
#include "core/query.h"
#include "core/top_k.h"
#include "groups.h"
#include "oracle.h"
#include "random_values.h"
#include "typed_elements.h"

namespace gearshift::tests {
namespace {

bool is_aligned(const void* at) { return reinterpret_cast<uintptr_t>(at) % kAlignment == 0; }

/** Half of the smallest normal number: 0 while subnormals are flushed. The compiler must not work it out. */
float halve_the_smallest() {
  volatile float smallest = std::numeric_limits<float>::min();
  volatile float half = smallest * 0.5f;
  return half;
}

void check_small_copy(Check& check, const KernelTable& kernels, ElementFormat format, size_t dimensions, Random& random) {
  const size_t rows = 37;
  const TypedElements elements = random_elements(format, rows * dimensions, random);
  const std::vector<float>& values = elements.values;
  auto matrix = ResidentMatrix::allocate(rows, dimensions, ResidentMatrix::Rows::copied, format);
  if (!check.that(matrix != nullptr, "no memory")) return;
  matrix->fill(kernels, elements.bytes.data(), 0, rows);
  const MatrixView view = matrix->view();
  const size_t size = format.bytes();
  check.that(view.format == format, "another format");
  check.that(view.stride == (dimensions + 15) / 16 * 16 && view.row_count == rows && view.dimensions == dimensions,
             "%zu dimensions: a stride of %zu", dimensions, view.stride);
  check.that(is_aligned(view.rows) && is_aligned(view.inverse_norms), "%zu dimensions: not aligned", dimensions);
  check.that(matrix->bytes() == rows * (view.stride * size + sizeof(float)), "%zu bytes", matrix->bytes());
  for (size_t row = 0; row < rows; ++row) {
    const auto* const copy = static_cast<const uint8_t*>(view.row(row));
    check.that(std::memcmp(copy, elements.at(row * dimensions), dimensions * size) == 0, "row %zu differs", row);
    for (size_t i = dimensions * size; i < view.stride * size; ++i) check.that(copy[i] == 0, "the padding is %d", copy[i]);
    const float* const at = &values[row * dimensions];
    const double norm = std::sqrt(sums_of(at, at, dimensions).squared_norm);
    const bool is_trusted = norm * norm >= 0x1p-80 && norm * norm <= 0x1p100;
    if (!is_trusted) continue;
    check.that(is_close(view.inverse_norms[row], 1 / norm, rounding(dimensions) / norm), "inverse norm %g, not %g",
               view.inverse_norms[row], 1 / norm);
  }
  PreparedQuery query;
  if (!check.that(query.prepare(kernels, values.data(), dimensions), "no memory")) return;
  check.that(is_aligned(query.values()), "the query is not aligned");
  for (size_t i = 0; i < view.stride; ++i)
    check.that(query.values()[i] == (i < dimensions ? values[i] : 0.0f), "value %zu of the query", i);
  check.that(is_same(query.inverse_norm(), view.inverse_norms[0]), "the query's inverse norm is not the row's");
}

}  // namespace

void copies_are_padded_and_aligned(Check& check, const KernelTable& kernels) {
  Random random(50);
  for (const ElementFormat format : kFormats)
    for (const size_t dimensions : {1, 15, 16, 17, 768, 1024, 1025}) check_small_copy(check, kernels, format, dimensions, random);
  // A copy that is too large for a cache is as large as the rows; of rows in place there are the norms alone.
  const size_t rows = (2u << 20) / (100 * sizeof(float));
  const std::vector<float> values = random.values(rows * 100);
  auto large_copy = ResidentMatrix::allocate(rows, 100);
  auto in_place = ResidentMatrix::allocate(rows, 100, ResidentMatrix::Rows::in_place);
  if (!check.that(large_copy != nullptr && in_place != nullptr, "no memory")) return;
  large_copy->fill(kernels, values.data(), 0, rows);
  in_place->fill(kernels, values.data(), 0, rows);
  check.that(large_copy->view().stride == 100 && large_copy->bytes() == rows * 101 * sizeof(float), "a copy of %zu bytes",
             large_copy->bytes());
  check.that(std::memcmp(large_copy->view().rows, values.data(), values.size() * sizeof(float)) == 0, "another copy");
  const MatrixView viewed = in_place->view_of_rows(values.data(), nullptr);
  check.that(in_place->bytes() == rows * sizeof(float) && viewed.rows == values.data() && viewed.stride == 100,
             "%zu bytes of rows in place", in_place->bytes());
  check.that(std::memcmp(viewed.inverse_norms, large_copy->view().inverse_norms, rows * sizeof(float)) == 0,
             "the norms of rows in place differ");
  check.that(in_place->resize(rows + 1) && in_place->row_count() == rows + 1, "no memory for one more row");
  const size_t grown_bytes = in_place->bytes();
  check.that(in_place->resize(rows + 1000) && in_place->bytes() == grown_bytes, "no room for some more rows");
  check.that(std::memcmp(in_place->view_of_rows(values.data(), nullptr).inverse_norms,
                         large_copy->view().inverse_norms, rows * sizeof(float)) == 0,
             "norms were lost");
  check.that(!in_place->resize(SIZE_MAX / 2) && in_place->row_count() == rows + 1000, "rows without end");

  // The limit of what is padded counts bytes: four times as many int8 fit below it.
  const ElementFormat int8{ElementType::int8, 1};
  auto padded = ResidentMatrix::allocate((1u << 20) / 112, 100, ResidentMatrix::Rows::copied, int8);
  auto packed = ResidentMatrix::allocate((1u << 20) / 112 + 1, 100, ResidentMatrix::Rows::copied, int8);
  if (!check.that(padded != nullptr && packed != nullptr, "no memory")) return;
  check.that(padded->view().stride == 112 && packed->view().stride == 100, "strides of %zu and %zu", padded->view().stride,
             packed->view().stride);

  auto empty = ResidentMatrix::allocate(0, 5);
  check.that(empty != nullptr && empty->bytes() == 0, "an empty matrix");

  AlignedMemory large;
  check.that(large.allocate(5 << 20) && is_aligned(large.as<char>()) && large.bytes() == 5 << 20, "a large block");
  std::memset(large.as<char>(), 1, large.bytes());
  AlignedMemory moved(std::move(large));
  check.that(moved.bytes() == 5 << 20 && large.bytes() == 0 && large.as<char>() == nullptr, "a moved block");
  large = std::move(moved);
  check.that(large.as<char>()[(5 << 20) - 1] == 1 && moved.bytes() == 0, "a block moved back");
}

void lack_of_memory_is_reported(Check& check, const KernelTable& kernels) {
  constexpr size_t kMost = SIZE_MAX;
  // Products that wrap to something small, and sizes that no machine has.
  check.that(ResidentMatrix::allocate(kMost, kMost) == nullptr, "rows and dimensions without end");
  check.that(ResidentMatrix::allocate(size_t{1} << 32, size_t{1} << 32) == nullptr, "2^64 values");
  check.that(ResidentMatrix::allocate(1, kMost) == nullptr, "dimensions without end");
  check.that(ResidentMatrix::allocate(kMost / 64 + 1, 1) == nullptr, "rows with a byte count that wraps to 0");
  check.that(ResidentMatrix::allocate(kMost / 1024, 16) == nullptr, "more than the address space");
  AlignedMemory memory;
  check.that(!memory.allocate(kMost) && memory.bytes() == 0 && memory.as<char>() == nullptr, "all of memory");
  check.that(memory.allocate(0), "no memory at all");
  check.that(memory.allocate(64) && memory.bytes() == 64, "still usable");
  TopKSelector selector;
  check.that(!selector.reset(kMost, Metric::dot) && !selector.reset(kMost / 4, Metric::dot), "a k without end");
  check.that(selector.reset(1, Metric::dot), "still usable");
  PreparedQuery query;
  const float value = 1;
  check.that(!query.prepare(kernels, &value, kMost) && !query.prepare(kernels, &value, kMost / 8), "a query without end");
}

void floating_point_mode_is_restored(Check& check, const KernelTable&) {
  check.that(halve_the_smallest() != 0, "subnormals are flushed before");
  {
    const FlushSubnormals outer;
#if defined(__SSE__) || defined(_M_X64) || defined(__aarch64__)
    check.that(halve_the_smallest() == 0, "subnormals are not flushed");
    {
      const FlushSubnormals inner;
      check.that(halve_the_smallest() == 0, "subnormals are not flushed inside");
    }
    check.that(halve_the_smallest() == 0, "the inner one ended the outer one");
#endif
  }
  check.that(halve_the_smallest() != 0, "subnormals are still flushed");
}

void levels_are_listed(Check& check) {
  const LevelList list = all_levels();
  if (!check.that(list.count >= 1, "no level")) return;
  const Level& last = list.levels[list.count - 1];
  check.that(std::strcmp(last.kernels->name, "portable") == 0 && last.missing[0] == '\0', "portable is not the last");
  const char* const best_first[] = {"avx512", "avx2", "neon", "portable"};
  size_t rank = 0;
  for (size_t i = 0; i < list.count; ++i) {
    while (rank < 4 && std::strcmp(best_first[rank], list.levels[i].kernels->name) != 0) ++rank;
    check.that(rank < 4, "'%s' is out of order", list.levels[i].kernels->name);
    ++rank;
  }
  check.that(all_levels().levels == list.levels, "the list is made anew");
}

}  // namespace gearshift::tests
