#include "residency/shared_operand.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

namespace gearshift::cuda {
namespace {

// Process-wide by nature: this is what lets threads share one copy. Never destroyed, because threads may end after main().
std::mutex& registry_mutex = *new std::mutex();

using Name = std::tuple<int, int64_t, int64_t>;  // device, id, version
std::map<Name, std::weak_ptr<SharedOperand>>& registry() {
  static auto& operands = *new std::map<Name, std::weak_ptr<SharedOperand>>();
  return operands;
}

Name name_of(const OperandKey& key) noexcept { return {key.ordinal, key.id, key.version}; }

constexpr int64_t kPrivateId = -1;

uint64_t sample_of(const float* values, size_t rows, size_t dimensions) noexcept {
  constexpr size_t kRows = 16;
  constexpr size_t kElements = 64;
  uint64_t hash = 14695981039346656037ull;  // FNV-1a
  const size_t samples = std::min(kRows, rows);
  for (size_t i = 0; i < samples; ++i) {
    const size_t row = samples == 1 ? 0 : i * ((rows - 1) / (samples - 1));
    for (size_t j = 0; j < std::min(kElements, dimensions); ++j) {
      uint32_t bits;
      std::memcpy(&bits, values + row * dimensions + j, sizeof bits);
      hash = (hash ^ bits) * 1099511628211ull;
    }
  }
  return hash;
}

}  // namespace

SharedOperand::~SharedOperand() {
  // Whatever is still on its way must have arrived before its memory goes to somebody else.
  matrix_upload_.reset();
  graph_upload_.reset();
}

Outcome SharedOperand::allocate() noexcept {
  if (auto outcome = device_->make_current(); !outcome.ok()) return outcome;
  return key_.is_graph ? graph.allocate(*device_, key_.shape[0], key_.shape[1])
                       : matrix.allocate(*device_, key_.shape[0], key_.shape[1], key_.companion);
}

Outcome SharedOperand::advance_matrix(const float* values, size_t value_count, const UploadTime& time, bool* finished) noexcept {
  if (matrix_upload_ == nullptr) {
    matrix_upload_ = std::make_unique<MatrixUpload>(*device_, matrix, fill_begin, fill_end, first_row + fill_begin, gathered);
  }
  const Outcome outcome = matrix_upload_->advance(values, value_count, time, finished);
  if (!outcome.ok()) matrix_upload_.reset();
  if (!outcome.ok() || !*finished) return outcome;
  matrix_upload_.reset();
  if (key_.id != kPrivateId) sample_ = sample_of(values, key_.shape[0], key_.shape[1]);
  ready_.store(true, std::memory_order_release);
  return {};
}

Outcome SharedOperand::advance_graph(const uint32_t* row_pointers, const uint32_t* columns, const float* weights,
                                     const UploadTime& time, bool* finished) noexcept {
  if (graph_upload_ == nullptr) graph_upload_ = std::make_unique<GraphUpload>(*device_, graph);
  const Outcome outcome = graph_upload_->advance(row_pointers, columns, weights, time, finished);
  if (!outcome.ok()) graph_upload_.reset();
  if (!outcome.ok() || !*finished) return outcome;
  graph_upload_.reset();
  ready_.store(true, std::memory_order_release);
  return {};
}

bool SharedOperand::holds_sample_of(const float* values, size_t value_count) const noexcept {
  if (key_.shape[0] == 0) return true;
  if (value_count / key_.shape[0] < key_.shape[1]) return false;
  return sample_of(values, key_.shape[0], key_.shape[1]) == sample_;
}

OperandRegistry::Opened OperandRegistry::open(const DeviceRef& device, const OperandKey& key) {
  std::lock_guard<std::mutex> lock(registry_mutex);
  auto& operands = registry();
  if (const auto found = operands.find(name_of(key)); found != operands.end()) {
    if (auto operand = found->second.lock(); operand != nullptr) {
      const OperandKey& other = operand->key();
      const bool is_same = other.is_graph == key.is_graph && other.shape[0] == key.shape[0] && other.shape[1] == key.shape[1];
      if (!is_same) return {nullptr, {Failure::shape_conflict}};
      return {std::move(operand), {}};
    }
    operands.erase(found);
  }
  auto operand = std::make_shared<SharedOperand>(device, key);
  if (auto outcome = operand->allocate(); !outcome.ok()) return {nullptr, outcome};
  // Names of what is gone are dropped here and there, so that they never pile up.
  for (auto it = operands.begin(); it != operands.end();) it = it->second.expired() ? operands.erase(it) : std::next(it);
  operands[name_of(key)] = operand;
  return {std::move(operand), {}};
}

OperandRegistry::Opened OperandRegistry::open_part(const DeviceRef& device, size_t rows, size_t dimensions, size_t first_row,
                                                   std::vector<uint32_t> gathered) {
  const OperandKey key{device->ordinal(), false, kPrivateId, 0, {rows, dimensions}};
  auto operand = std::make_shared<SharedOperand>(device, key);
  operand->first_row = first_row;
  operand->gathered = std::move(gathered);
  if (auto outcome = operand->allocate(); !outcome.ok()) return {nullptr, outcome};
  return {std::move(operand), {}};
}

std::shared_ptr<SharedOperand> OperandRegistry::take_over(const std::shared_ptr<SharedOperand>& held, int64_t version,
                                                          size_t start, size_t end) {
  std::lock_guard<std::mutex> lock(registry_mutex);
  // New references are made under the mutex, or from one that is held: this one is the last, or it is not.
  if (held.use_count() != 1 || !held->is_ready() || held->key().id == kPrivateId) return nullptr;
  OperandKey key = held->key();
  auto& operands = registry();
  const auto old_name = name_of(key);
  key.version = version;
  if (const auto found = operands.find(name_of(key)); found != operands.end() && !found->second.expired()) return nullptr;
  auto updated = std::make_shared<SharedOperand>(held->device_, key);
  updated->matrix = std::move(held->matrix);
  updated->fill_begin = start;
  updated->fill_end = end;
  held->ready_.store(false, std::memory_order_release);
  operands.erase(old_name);
  operands[name_of(key)] = updated;
  return updated;
}

FillState OperandRegistry::claim(SharedOperand& operand, const Filler& asker) noexcept {
  if (operand.is_ready()) return FillState::ready;
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (operand.is_ready()) return FillState::ready;
  if (operand.filler_ == Filler{}) operand.filler_ = asker;
  return operand.filler_ == asker ? FillState::ours : FillState::theirs;
}

void OperandRegistry::give_up(SharedOperand& operand, const Filler& owner) noexcept {
  std::lock_guard<std::mutex> lock(registry_mutex);
  if (!(operand.filler_ == owner)) return;
  if (!operand.is_ready()) {
    operand.matrix_upload_.reset();
    operand.graph_upload_.reset();
  }
  operand.filler_ = {};
}

}  // namespace gearshift::cuda
