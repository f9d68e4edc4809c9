#include "operations/bound_launcher.h"

#include <algorithm>

namespace gearshift::cuda {
namespace {

/** Bounds of one launch: with 64 queries more than 100,000 rows, enough to keep every multiprocessor busy. */
constexpr size_t kMostBytes = size_t{32} << 20;

size_t block_rows(BoundForm form) noexcept { return form == BoundForm::int8 ? kBoundRowsInt8 : kBoundRows; }

}  // namespace

std::optional<BoundForm> BoundLauncher::choose(const Device& device, const Scan& scan) noexcept {
  if (scan.candidates != nullptr || !scan.matrix->record->is_worthwhile()) return std::nullopt;
  const Companion companion = scan.matrix->companion.form;
  // Every row gets a bound, while a scan in float32 does not read the rows that are left out.
  const auto considers_one_in = [&](size_t rows) { return scan.considered_count() * rows >= scan.row_count(); };
  if (companion == Companion::int8 && scan.query_count <= kQueryGroup && considers_one_in(4)) return BoundForm::int8;
  if (!device.has_tensor_cores() || !considers_one_in(2)) return std::nullopt;
  if (companion == Companion::float16) return BoundForm::float16;
  // Up to a group of queries, reading the rows is what takes the time, and float32 reads them once too.
  return scan.query_count > kQueryGroup ? std::optional(BoundForm::tf32) : std::nullopt;
}

Outcome BoundLauncher::narrow_queries() noexcept {
  if (form_ == BoundForm::tf32) return {};  // the kernel rounds as it reads
  const DeviceMatrix& matrix = *scan_.matrix;
  const size_t count = queries_.loaded_queries();
  narrow_ = form_ == BoundForm::float16 ? NarrowRows::of(Companion::float16, count, matrix.dimensions)
                                        : NarrowRows::of(Companion::int8, count, matrix.dimensions, 2);
  Lane& lane = run_.lane;
  if (auto outcome = lane.narrowed.reserve(run_.device(), narrow_.bytes()); !outcome.ok()) return outcome;
  narrow_.address = lane.narrowed.address();
  return narrow(lane, narrow_, queries_.query(0), matrix.stride, matrix.dimensions, 0, count);
}

double BoundLauncher::work_per_row(size_t queries) const noexcept {
  return static_cast<double>(scan_.matrix->dimensions * queries);
}

size_t BoundLauncher::most_rows_per_launch(size_t queries) const noexcept {
  const size_t block = block_rows(form_);
  return std::max(block, kMostBytes / sizeof(float) / queries / block * block);
}

size_t BoundLauncher::rows_per_launch(size_t queries) const noexcept {
  const size_t block = block_rows(form_);
  const size_t rows = std::min(run_.device().bound_pace().items_per_launch(work_per_row(queries)), most_rows_per_launch(queries));
  return std::max(block, rows / block * block);
}

CUfunction BoundLauncher::kernel_for(size_t queries) const noexcept {
  const Kernels& kernels = run_.device().kernels();
  const bool is_narrow = queries <= kBoundQueriesNarrow;
  switch (form_) {
    case BoundForm::float16: return is_narrow ? kernels.bound_16_queries_f16 : kernels.bound_64_queries_f16;
    case BoundForm::tf32: return is_narrow ? kernels.bound_16_queries_tf32 : kernels.bound_64_queries_tf32;
    case BoundForm::int8: break;
  }
  return queries == 1 ? kernels.bound_1_query_int8 : kernels.bound_8_queries_int8;
}

Outcome BoundLauncher::launch(const ScanPart& part, CUdeviceptr bounds) noexcept {
  const DeviceMatrix& matrix = *scan_.matrix;
  const bool is_tf32 = form_ == BoundForm::tf32;
  const NarrowRows& companion = matrix.companion;
  CUdeviceptr rows = is_tf32 ? matrix.values.address() : companion.address;
  CUdeviceptr row_factors = is_tf32 ? 0 : companion.factors();
  CUdeviceptr row_errors = is_tf32 ? 0 : companion.errors();
  CUdeviceptr row_norms = matrix.inverse_norms.address();
  CUdeviceptr queries = is_tf32 ? queries_.query(part.first_query) : narrow_.address + part.first_query * narrow_.row_bytes();
  CUdeviceptr query_factors = is_tf32 ? 0 : narrow_.factors() + part.first_query * sizeof(float);
  CUdeviceptr query_errors = is_tf32 ? 0 : narrow_.errors() + part.first_query * sizeof(float);
  CUdeviceptr query_norms = queries_.query_inverse_norm(part.first_query);
  // Words of 32 bits, or bytes: what the kernel counts in.
  auto stride = static_cast<uint32_t>(is_tf32                          ? matrix.stride
                                      : form_ == BoundForm::float16 ? companion.stride / 2
                                                                    : companion.stride);
  auto query_count = static_cast<uint32_t>(part.queries);
  auto dimensions = static_cast<uint32_t>(matrix.dimensions);
  auto metric = static_cast<uint32_t>(scan_.metric);
  uint64_t first = scan_.start - scan_.first_row + part.begin;
  uint64_t count = part.count;
  void* parameters[] = {&rows,         &stride,      &row_factors, &row_errors, &row_norms, &queries, &query_factors, &query_errors,
                        &query_norms,  &query_count, &dimensions,  &metric,     &first,     &count,   &bounds};
  const auto blocks = static_cast<unsigned>((count + block_rows(form_) - 1) / block_rows(form_));
  return run_.lane.launch(kernel_for(part.queries), blocks, 1, kScanThreads, parameters);
}

void BoundLauncher::learn(const ScanPart& part, double ms) noexcept {
  run_.device().bound_pace().learn(work_per_row(part.queries) * static_cast<double>(part.count), ms);
}

}  // namespace gearshift::cuda
