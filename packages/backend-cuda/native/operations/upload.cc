#include "operations/upload.h"

#include <algorithm>
#include <cstring>

#include "kit/clock.h"
#include "operations/widen.h"

namespace gearshift::cuda {
namespace {

constexpr size_t kPieceElements = Lane::kPieceBytes / sizeof(uint32_t);

}  // namespace

Upload::~Upload() { finish_lane(); }

void Upload::finish_lane() noexcept {
  if (lane_ == nullptr) return;
  if (device_.make_current_to_clean_up()) lane_->drain();
  device_.lanes().give_back(std::move(lane_));
}

Outcome Upload::wait_for(size_t index, const UploadTime& time, bool* has_passed) noexcept {
  Lane::Slot& slot = lane_->slot(index);
  *has_passed = true;
  if (!slot.is_under_way) return {};
  const Outcome outcome = time.may_wait ? lane_->wait(slot.copied) : lane_->look(slot.copied, has_passed);
  if (!outcome.ok()) return outcome;
  if (*has_passed) {
    slot.is_under_way = false;
    waiting_since_ns_ = 0;
    return {};
  }
  const int64_t now = kit::now_ns();
  if (waiting_since_ns_ == 0) waiting_since_ns_ = now;
  return now - waiting_since_ns_ > device_.hang_ns() ? device_.note_hang() : Outcome{};
}

Outcome Upload::next_piece(const UploadTime& time, char** memory) noexcept {
  *memory = nullptr;
  if (auto outcome = device_.make_current(); !outcome.ok()) return outcome;
  if (lane_ == nullptr) {
    Outcome outcome;
    lane_ = device_.lanes().borrow(&outcome);
    if (lane_ == nullptr) return outcome;
  }
  bool is_free = false;
  if (auto outcome = wait_for(next_slot_, time, &is_free); !outcome.ok() || !is_free) return outcome;
  Lane::Slot& slot = lane_->slot(next_slot_);
  if (auto outcome = slot.landing.reserve(device_, Lane::kPieceBytes); !outcome.ok()) return outcome;
  *memory = slot.landing.as<char>();
  return {};
}

Outcome Upload::send(CUdeviceptr to, size_t bytes) noexcept {
  Lane::Slot& slot = lane_->slot(next_slot_++);
  if (bytes == 0) return {};
  // Under way from here on, whatever the driver returns: only an event that passed says otherwise.
  slot.is_under_way = true;
  Outcome outcome = lane_->upload(to, slot.landing.as<char>(), bytes);
  if (outcome.ok()) outcome = lane_->record(slot.copied);
  return outcome;
}

Outcome Upload::finish(const UploadTime& time, bool* finished) noexcept {
  *finished = true;
  for (size_t i = 0; i < Lane::kSlots && *finished; ++i) {
    if (auto outcome = wait_for(i, time, finished); !outcome.ok()) return outcome;
  }
  return {};
}

Outcome MatrixUpload::advance(const void* elements, size_t element_count, const UploadTime& time, bool* finished) noexcept {
  *finished = false;
  const size_t dimensions = matrix_.dimensions;
  const size_t row_bytes = matrix_.stride * sizeof(float);
  const size_t source_row_bytes = dimensions * source_format_.bytes();
  const size_t source_rows = element_count / dimensions;
  const size_t last_needed = gathered_.is_empty() ? first_source_ + (end_ - begin_)
                                               : size_t{*std::max_element(gathered_.begin(), gathered_.end())} + 1;
  if (end_ > begin_ && source_rows < last_needed) return {Failure::input_gone};
  const size_t rows_per_piece = std::max<size_t>(1, Lane::kPieceBytes / row_bytes);
  if (row_bytes > Lane::kPieceBytes) return {Failure::fault};  // over a million dimensions: supports() refuses them

  while (next_ < end_) {
    if (time.is_cancelled()) return {Failure::cancelled};
    char* piece = nullptr;
    if (auto outcome = next_piece(time, &piece); !outcome.ok() || piece == nullptr) return outcome;
    const size_t count = std::min(rows_per_piece, end_ - next_);
    for (size_t i = 0; i < count; ++i) {
      const size_t nth = next_ - begin_ + i;
      const size_t row = gathered_.is_empty() ? first_source_ + nth : gathered_[nth];
      char* target = piece + i * row_bytes;
      widen(static_cast<const char*>(elements) + row * source_row_bytes, source_format_, dimensions,
            reinterpret_cast<float*>(target));
      std::memset(target + dimensions * sizeof(float), 0, row_bytes - dimensions * sizeof(float));
    }
    if (auto outcome = send(matrix_.values.address() + next_ * row_bytes, count * row_bytes); !outcome.ok()) return outcome;
    next_ += count;
    if (time.deadline_ns != 0 && kit::now_ns() >= time.deadline_ns) return {};
  }
  if (!has_norms_ && end_ > begin_) {
    if (auto outcome = device().make_current(); !outcome.ok()) return outcome;
    CUdeviceptr rows = matrix_.values.address();
    CUdeviceptr norms = matrix_.inverse_norms.address();
    auto stride = static_cast<uint32_t>(matrix_.stride);
    auto dimension_count = static_cast<uint32_t>(dimensions);
    uint64_t first = begin_;
    uint64_t count = end_ - begin_;
    void* parameters[] = {&rows, &stride, &dimension_count, &first, &count, &norms};
    const auto blocks = static_cast<unsigned>((count + kScanWarps - 1) / kScanWarps);
    // On the same stream, so after every piece; the event of the last slot covers it too.
    Lane::Slot& last = lane().slot(0);
    bool is_free = false;
    if (auto outcome = finish(time, &is_free); !outcome.ok() || !is_free) return outcome;
    last.is_under_way = true;
    Outcome outcome = lane().launch(device().kernels().inverse_norms_f32, blocks, 1, kScanThreads, parameters);
    if (outcome.ok() && matrix_.companion.form != Companion::none) {
      outcome = narrow(lane(), matrix_.companion, rows, matrix_.stride, dimensions, begin_, end_ - begin_);
    }
    if (outcome.ok()) outcome = lane().record(last.copied);
    if (!outcome.ok()) return outcome;
    has_norms_ = true;
  }
  if (end_ == begin_) {
    *finished = true;
    return {};
  }
  if (auto outcome = device().make_current(); !outcome.ok()) return outcome;
  if (auto outcome = finish(time, finished); !outcome.ok()) return outcome;
  if (*finished) finish_lane();
  return {};
}

Outcome GraphUpload::advance(const uint32_t* row_pointers, const uint32_t* columns, const float* weights,
                             const UploadTime& time, bool* finished) noexcept {
  *finished = false;
  const size_t pointers = graph_.nodes + 1;
  const size_t columns_end = pointers + graph_.edges;
  const size_t weights_end = columns_end + graph_.edges;
  for (;;) {
    const size_t end = weights_end + long_rows_.length();
    if (position_ >= end) break;
    if (time.is_cancelled()) return {Failure::cancelled};
    char* piece = nullptr;
    if (auto outcome = next_piece(time, &piece); !outcome.ok() || piece == nullptr) return outcome;
    const Outcome outcome = position_ < pointers      ? send_row_pointers(row_pointers, piece)
                            : position_ < columns_end ? send_columns(columns, piece)
                            : position_ < weights_end ? send_weights(weights, piece)
                                                      : send_long_rows(piece);
    if (!outcome.ok()) return outcome;
    if (time.deadline_ns != 0 && kit::now_ns() >= time.deadline_ns) return {};
  }
  if (auto outcome = device().make_current(); !outcome.ok()) return outcome;
  if (auto outcome = finish(time, finished); !outcome.ok()) return outcome;
  if (*finished) finish_lane();
  return {};
}

Outcome GraphUpload::send_row_pointers(const uint32_t* row_pointers, char* piece) noexcept {
  const size_t count = std::min(kPieceElements, graph_.nodes + 1 - position_);
  auto* staged = reinterpret_cast<uint32_t*>(piece);
  // Judged where it was copied to: what the caller changes meanwhile changes nothing.
  std::memcpy(staged, row_pointers + position_, count * sizeof(uint32_t));
  for (size_t i = 0; i < count; ++i) {
    const size_t node = position_ + i;
    if (node == 0 ? staged[i] != 0 : staged[i] < last_pointer_) return {Failure::invalid_graph};
    if (node > 0 && staged[i] - last_pointer_ > kLongRowEdges && !long_rows_.push(static_cast<uint32_t>(node - 1))) {
      return {Failure::no_host_memory};
    }
    last_pointer_ = staged[i];
  }
  if (position_ + count == graph_.nodes + 1) {
    if (last_pointer_ != graph_.edges) return {Failure::invalid_graph};
    graph_.long_row_count = long_rows_.length();
    if (!long_rows_.is_empty()) {
      if (auto outcome = graph_.long_rows.reserve(device(), long_rows_.length() * sizeof(uint32_t)); !outcome.ok()) {
        return outcome;
      }
    }
  }
  const Outcome outcome = send(graph_.row_pointers.address() + position_ * sizeof(uint32_t), count * sizeof(uint32_t));
  position_ += count;
  return outcome;
}

Outcome GraphUpload::send_columns(const uint32_t* columns, char* piece) noexcept {
  const size_t first = position_ - (graph_.nodes + 1);
  const size_t count = std::min(kPieceElements, graph_.edges - first);
  auto* staged = reinterpret_cast<uint32_t*>(piece);
  std::memcpy(staged, columns + first, count * sizeof(uint32_t));
  uint32_t largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, staged[i]);
  if (largest >= graph_.nodes) return {Failure::invalid_graph};
  const Outcome outcome = send(graph_.columns.address() + first * sizeof(uint32_t), count * sizeof(uint32_t));
  position_ += count;
  return outcome;
}

Outcome GraphUpload::send_weights(const float* weights, char* piece) noexcept {
  const size_t first = position_ - (graph_.nodes + 1) - graph_.edges;
  const size_t count = std::min(kPieceElements, graph_.edges - first);
  std::memcpy(piece, weights + first, count * sizeof(float));
  const Outcome outcome = send(graph_.weights.address() + first * sizeof(float), count * sizeof(float));
  position_ += count;
  return outcome;
}

Outcome GraphUpload::send_long_rows(char* piece) noexcept {
  const size_t first = position_ - (graph_.nodes + 1) - 2 * graph_.edges;
  const size_t count = std::min(kPieceElements, long_rows_.length() - first);
  std::memcpy(piece, long_rows_.data() + first, count * sizeof(uint32_t));
  const Outcome outcome = send(graph_.long_rows.address() + first * sizeof(uint32_t), count * sizeof(uint32_t));
  position_ += count;
  return outcome;
}

}  // namespace gearshift::cuda
