#include "device/lane_store.h"

namespace gearshift::cuda {

std::unique_ptr<Lane> LaneStore::borrow(Outcome* outcome) noexcept {
  *outcome = device_.make_current();
  if (!outcome->ok()) return nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (idle_count_ > 0) return std::move(idle_[--idle_count_]);
  }
  return Lane::create(device_, outcome);
}

void LaneStore::give_back(std::unique_ptr<Lane> lane) noexcept {
  lane->release_memory();
  std::lock_guard<std::mutex> lock(mutex_);
  if (idle_count_ < kMostIdle && !device_.is_lost()) idle_[idle_count_++] = std::move(lane);
}

void LaneStore::clear() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  while (idle_count_ > 0) idle_[--idle_count_].reset();
}

}  // namespace gearshift::cuda
