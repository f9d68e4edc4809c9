#include "device/lane_store.h"

namespace gearshift::cuda {

std::unique_ptr<Lane> LaneStore::borrow(Outcome* outcome) noexcept {
  *outcome = device_.make_current();
  if (!outcome->ok()) return nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Lane> lane = std::move(idle_.back());
      idle_.pop_back();
      return lane;
    }
  }
  return Lane::create(device_, outcome);
}

void LaneStore::give_back(std::unique_ptr<Lane> lane) noexcept {
  lane->release_memory();
  std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < kMostIdle && !device_.is_lost()) idle_.push_back(std::move(lane));
}

void LaneStore::clear() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  idle_.clear();
}

}  // namespace gearshift::cuda
