#include "operations/scan_launcher.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kit/clock.h"
#include "operations/transfer.h"

namespace gearshift::cuda {
namespace {

constexpr double kZeroSquaredNorm = 0x1p-126;
constexpr double kLeastTrustedSquaredNorm = 0x1p-80;
constexpr double kMostTrustedSquaredNorm = 0x1p100;

/** As inverse_norm_of in kernels/row_score.cuh, for vectors on the host. */
float inverse_norm(const float* v, size_t dimensions) noexcept {
  double sum = 0;
  for (size_t i = 0; i < dimensions; ++i) sum += static_cast<double>(v[i]) * v[i];
  if (sum < kZeroSquaredNorm) return 0.0f;
  const bool is_trusted = sum >= kLeastTrustedSquaredNorm && sum <= kMostTrustedSquaredNorm;
  return is_trusted ? static_cast<float>(1 / std::sqrt(sum)) : std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

size_t ScanLauncher::batch_queries() const noexcept {
  const size_t fitting = Lane::kPieceBytes / (scan_.matrix->stride * sizeof(float));
  return std::max<size_t>(kQueryGroup, fitting / 4 / kQueryGroup * kQueryGroup);
}

Outcome ScanLauncher::prepare() noexcept {
  const uint32_t* const chosen = scan_.candidates != nullptr ? scan_.candidates : scan_.words;
  if (chosen == nullptr) return {};
  const size_t bytes = (scan_.candidates != nullptr ? scan_.candidate_count : scan_.word_count()) * sizeof(uint32_t);
  DeviceBuffer& candidates = run_.lane.candidates;
  if (auto outcome = candidates.reserve(run_.device(), bytes); !outcome.ok()) return outcome;
  return upload_all(run_, candidates.address(), chosen, bytes);
}

Outcome ScanLauncher::load_queries(size_t first, size_t count) noexcept {
  const int64_t begun_ns = kit::now_ns();
  Lane& lane = run_.lane;
  const size_t stride = scan_.matrix->stride;
  const size_t dimensions = scan_.matrix->dimensions;
  // The queries, padded like rows, and their inverse norms behind them: one copy for both.
  const size_t bytes = count * (stride + 1) * sizeof(float);
  Outcome outcome = lane.staging.reserve(run_.device(), bytes);
  if (outcome.ok()) outcome = lane.operands.reserve(run_.device(), batch_queries() * (stride + 1) * sizeof(float));
  if (!outcome.ok()) return outcome;
  auto* staged = lane.staging.as<float>();
  float* norms = staged + count * stride;
  for (size_t i = 0; i < count; ++i) {
    const float* query = scan_.queries + (first + i) * dimensions;
    std::memcpy(staged + i * stride, query, dimensions * sizeof(float));
    std::fill_n(staged + i * stride + dimensions, stride - dimensions, 0.0f);
    norms[i] = inverse_norm(query, dimensions);
  }
  loaded_ = count;
  outcome = lane.upload(lane.operands.address(), staged, bytes);
  run_.phases.upload_ms += static_cast<double>(kit::now_ns() - begun_ns) * 1e-6;
  return outcome;
}

double ScanLauncher::work_per_row(size_t queries) const noexcept {
  return static_cast<double>(scan_.matrix->dimensions * queries);
}

CUdeviceptr ScanLauncher::query(size_t index) const noexcept {
  return run_.lane.operands.address() + index * scan_.matrix->stride * sizeof(float);
}

CUdeviceptr ScanLauncher::query_inverse_norm(size_t index) const noexcept {
  return run_.lane.operands.address() + (loaded_ * scan_.matrix->stride + index) * sizeof(float);
}

size_t ScanLauncher::most_rows_per_launch(size_t queries) const noexcept {
  // Scores of one launch are one piece on their way back; whole blocks, so that no warp is left half idle.
  const size_t rows = Lane::kPieceBytes / sizeof(float) / queries;
  return std::max<size_t>(kRowsPerScanBlock, rows / kRowsPerScanBlock * kRowsPerScanBlock);
}

size_t ScanLauncher::rows_per_launch(size_t queries) const noexcept {
  const size_t rows = std::min(run_.device().scan_pace().items_per_launch(work_per_row(queries)), most_rows_per_launch(queries));
  return std::max<size_t>(kRowsPerScanBlock, rows / kRowsPerScanBlock * kRowsPerScanBlock);
}

Outcome ScanLauncher::launch(const ScanPart& part, CUdeviceptr scores) noexcept {
  const DeviceMatrix& matrix = *scan_.matrix;
  const bool is_by_position = scan_.candidates != nullptr && !scan_.is_gathered;
  CUdeviceptr rows = matrix.values.address();
  CUdeviceptr norms = matrix.inverse_norms.address();
  CUdeviceptr queries = query(part.first_query);
  CUdeviceptr query_norms = query_inverse_norm(part.first_query);
  CUdeviceptr positions = is_by_position ? run_.lane.candidates.address() + part.begin * sizeof(uint32_t) : 0;
  auto stride = static_cast<uint32_t>(matrix.stride);
  auto dimensions = static_cast<uint32_t>(matrix.dimensions);
  auto query_count = static_cast<uint32_t>(part.queries);
  auto metric = static_cast<uint32_t>(scan_.metric);
  uint64_t first = scan_.candidates != nullptr ? part.begin : scan_.start - scan_.first_row + part.begin;
  CUdeviceptr considered = words();
  uint64_t considered_bit = first_bit(part);
  uint64_t count = part.count;
  void* parameters[] = {&rows,   &stride,    &norms, &queries,    &query_norms,    &query_count, &dimensions,
                        &metric, &positions, &first, &considered, &considered_bit, &count,       &scores};
  const Kernels& kernels = run_.device().kernels();
  const CUfunction kernel = part.queries == 1 ? kernels.scores_1_query_f32 : kernels.scores_8_queries_f32;
  const auto blocks = static_cast<unsigned>((count + kRowsPerScanBlock - 1) / kRowsPerScanBlock);
  return run_.lane.launch(kernel, blocks, 1, kScanThreads, parameters);
}

Outcome ScanLauncher::launch_selected(size_t queries, CUdeviceptr keys, size_t count, CUdeviceptr scores) noexcept {
  const DeviceMatrix& matrix = *scan_.matrix;
  CUdeviceptr rows = matrix.values.address();
  CUdeviceptr norms = matrix.inverse_norms.address();
  CUdeviceptr first_query = query(0);
  CUdeviceptr query_norms = query_inverse_norm(0);
  auto stride = static_cast<uint32_t>(matrix.stride);
  auto dimensions = static_cast<uint32_t>(matrix.dimensions);
  auto metric = static_cast<uint32_t>(scan_.metric);
  auto first_number = static_cast<uint32_t>(scan_.first_row);
  uint64_t count_64 = count;
  void* parameters[] = {&rows, &stride, &norms, &first_query, &query_norms, &dimensions, &metric, &keys, &first_number, &count_64, &scores};
  const auto blocks = static_cast<unsigned>((count + kRowsPerScanBlock - 1) / kRowsPerScanBlock);
  return run_.lane.launch(run_.device().kernels().score_selected_f32, blocks, static_cast<unsigned>(queries), kScanThreads, parameters);
}

void ScanLauncher::learn(const ScanPart& part, double ms) noexcept {
  // Rows that a row set leaves out take next to no time.
  const double share = static_cast<double>(scan_.considered_count()) / static_cast<double>(scan_.row_count());
  run_.device().scan_pace().learn(work_per_row(part.queries) * static_cast<double>(part.count) * share, ms);
}

CUdeviceptr ScanLauncher::row_numbers(const ScanPart& part) const noexcept {
  return scan_.candidates == nullptr ? 0 : run_.lane.candidates.address() + part.begin * sizeof(uint32_t);
}

uint32_t ScanLauncher::first_number(const ScanPart& part) const noexcept {
  return static_cast<uint32_t>(scan_.start + part.begin);
}

}  // namespace gearshift::cuda
