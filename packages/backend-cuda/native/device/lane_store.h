#pragma once

#include <memory>
#include <mutex>

#include "device/lane.h"

namespace gearshift::cuda {

/** Lanes that no request uses: making one takes milliseconds, most of it for page-locked memory. */
class LaneStore {
 public:
  explicit LaneStore(Device& device) noexcept : device_(device) {}

  /** A lane to work on, with the context made current on this thread; null: see outcome. */
  std::unique_ptr<Lane> borrow(Outcome* outcome) noexcept;
  /** Nothing may be under way on it. */
  void give_back(std::unique_ptr<Lane> lane) noexcept;
  void clear() noexcept;

 private:
  static constexpr size_t kMostIdle = 8;

  Device& device_;
  std::mutex mutex_;
  std::unique_ptr<Lane> idle_[kMostIdle];
  size_t idle_count_ = 0;
};

/** A lane for as long as one request takes. */
class BorrowedLane {
 public:
  explicit BorrowedLane(Device& device) noexcept : device_(device), lane_(device.lanes().borrow(&outcome_)) {}
  ~BorrowedLane() {
    if (lane_ != nullptr) device_.lanes().give_back(std::move(lane_));
  }
  BorrowedLane(const BorrowedLane&) = delete;
  BorrowedLane& operator=(const BorrowedLane&) = delete;

  const Outcome& outcome() const noexcept { return outcome_; }
  Lane& operator*() noexcept { return *lane_; }
  Lane* operator->() noexcept { return lane_.get(); }

 private:
  Device& device_;
  Outcome outcome_;
  std::unique_ptr<Lane> lane_;
};

}  // namespace gearshift::cuda
