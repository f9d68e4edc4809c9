#include "operations/transfer.h"

#include <algorithm>
#include <cstring>

#include "kit/clock.h"

namespace gearshift::cuda {
namespace {

/** Has the slot's piece, if it holds one, arrived. */
Outcome settle(Lane& lane, Lane::Slot& slot) noexcept {
  if (!slot.is_under_way) return {};
  const Outcome outcome = lane.wait(slot.copied);
  if (outcome.ok()) slot.is_under_way = false;
  return outcome;
}

size_t piece_at(size_t offset, size_t bytes) noexcept { return std::min(Lane::kPieceBytes, bytes - offset); }

}  // namespace

Outcome upload_all(Run& run, CUdeviceptr to, const void* from, size_t bytes) noexcept {
  Lane& lane = run.lane;
  const int64_t begun_ns = kit::now_ns();
  size_t index = 0;
  for (size_t offset = 0; offset < bytes; offset += Lane::kPieceBytes) {
    if (run.is_cancelled()) return {Failure::cancelled};
    Lane::Slot& slot = lane.slot(index++);
    const size_t piece = piece_at(offset, bytes);
    Outcome outcome = settle(lane, slot);
    if (outcome.ok()) outcome = slot.landing.reserve(run.device(), piece);
    if (!outcome.ok()) return outcome;
    std::memcpy(slot.landing.as<char>(), static_cast<const char*>(from) + offset, piece);
    slot.is_under_way = true;
    outcome = lane.upload(to + offset, slot.landing.as<char>(), piece);
    if (outcome.ok()) outcome = lane.record(slot.copied);
    if (!outcome.ok()) return outcome;
  }
  for (size_t i = 0; i < Lane::kSlots; ++i) {
    if (auto outcome = settle(lane, lane.slot(i)); !outcome.ok()) return outcome;
  }
  run.phases.upload_ms += static_cast<double>(kit::now_ns() - begun_ns) * 1e-6;
  return {};
}

Outcome download_all(Run& run, void* to, CUdeviceptr from, size_t bytes) noexcept {
  Lane& lane = run.lane;
  const int64_t begun_ns = kit::now_ns();
  size_t sent = 0;
  size_t taken = 0;
  size_t index = 0;
  while (taken < bytes) {
    if (run.is_cancelled()) return {Failure::cancelled};
    // One piece ahead of the one that is waited for.
    while (sent < bytes && sent - taken < Lane::kSlots * Lane::kPieceBytes) {
      Lane::Slot& slot = lane.slot(sent / Lane::kPieceBytes);
      const size_t piece = piece_at(sent, bytes);
      Outcome outcome = settle(lane, slot);
      if (outcome.ok()) outcome = slot.landing.reserve(run.device(), piece);
      if (!outcome.ok()) return outcome;
      slot.is_under_way = true;
      outcome = lane.download(slot.landing.as<char>(), from + sent, piece);
      if (outcome.ok()) outcome = lane.record(slot.copied);
      if (!outcome.ok()) return outcome;
      sent += piece;
    }
    Lane::Slot& slot = lane.slot(index++);
    if (auto outcome = settle(lane, slot); !outcome.ok()) return outcome;
    const size_t piece = piece_at(taken, bytes);
    std::memcpy(static_cast<char*>(to) + taken, slot.landing.as<char>(), piece);
    taken += piece;
  }
  run.phases.download_ms += static_cast<double>(kit::now_ns() - begun_ns) * 1e-6;
  return {};
}

}  // namespace gearshift::cuda
