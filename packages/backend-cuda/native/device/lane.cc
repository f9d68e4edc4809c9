#include "device/lane.h"

#include <new>
#include <thread>

#include "kit/clock.h"

namespace gearshift::cuda {
namespace {

constexpr int64_t kSpinNs = 100'000;
constexpr int64_t kNapNs = 20'000;
constexpr int64_t kMostNapNs = 500'000;

}  // namespace

std::unique_ptr<Lane> Lane::create(Device& device, Outcome* outcome) noexcept {
  std::unique_ptr<Lane> lane(new (std::nothrow) Lane(device));
  if (lane == nullptr) {
    *outcome = {Failure::no_host_memory};
    return nullptr;
  }
  *outcome = lane->set_up();
  if (!outcome->ok()) return nullptr;
  return lane;
}

Outcome Lane::set_up() noexcept {
  Outcome outcome = GEARSHIFT_CU(device_, cuStreamCreate, &stream_, CU_STREAM_NON_BLOCKING);
  if (!outcome.ok()) {
    stream_ = nullptr;
    return outcome;
  }
  const auto create = [&](CUevent* event, unsigned flags) {
    if (!outcome.ok()) return;
    outcome = GEARSHIFT_CU(device_, cuEventCreate, event, flags);
    if (!outcome.ok()) *event = nullptr;
  };
  create(&drained_, CU_EVENT_DISABLE_TIMING);
  for (Slot& slot : slots_) {
    create(&slot.begun, CU_EVENT_DEFAULT);
    create(&slot.computed, CU_EVENT_DEFAULT);
    create(&slot.copied, CU_EVENT_DEFAULT);
  }
  return outcome;
}

Lane::~Lane() {
  if (device_.is_lost()) return;  // everything went with the context
  const Driver& driver = device_.driver();
  const auto destroy = [&](CUevent event) {
    if (event != nullptr) device_.note_clean_up(driver.cuEventDestroy(event), "cuEventDestroy");
  };
  for (Slot& slot : slots_) {
    destroy(slot.begun);
    destroy(slot.computed);
    destroy(slot.copied);
  }
  destroy(drained_);
  if (stream_ != nullptr) device_.note_clean_up(driver.cuStreamDestroy(stream_), "cuStreamDestroy");
}

Outcome Lane::wait(CUevent event) noexcept {
  const int64_t begun_ns = kit::now_ns();
  int64_t nap_ns = kNapNs;
  for (;;) {
    const CUresult code = device_.driver().cuEventQuery(event);
    if (code == CUDA_SUCCESS) return {};
    if (code != CUDA_ERROR_NOT_READY) return device_.note(code, "cuEventQuery");
    const int64_t waited_ns = kit::now_ns() - begun_ns;
    if (waited_ns < kSpinNs) continue;
    if (waited_ns > device_.hang_ns()) return device_.note_hang();
    std::this_thread::sleep_for(std::chrono::nanoseconds(nap_ns));
    nap_ns = nap_ns * 2 > kMostNapNs ? kMostNapNs : nap_ns * 2;
  }
}

Outcome Lane::look(CUevent event, bool* has_passed) noexcept {
  const CUresult code = device_.driver().cuEventQuery(event);
  *has_passed = code == CUDA_SUCCESS;
  return code == CUDA_ERROR_NOT_READY ? Outcome{} : device_.note(code, "cuEventQuery");
}

void Lane::release_memory() noexcept {
  operands.reset();
  narrowed.reset();
  candidates.reset();
  scratch.reset();
  keys.reset();
  for (Slot& slot : slots_) slot.output.reset();
}

void Lane::drain() noexcept {
  for (Slot& slot : slots_) slot.is_under_way = false;
  if (device_.is_lost()) return;
  // A stream that cannot be waited for may still write into our memory: then the device counts as lost, and with it goes
  // every address it knows.
  const CUresult recorded = device_.driver().cuEventRecord(drained_, stream_);
  if (recorded != CUDA_SUCCESS) {
    device_.note_clean_up(recorded, "cuEventRecord");
    return;
  }
  const Outcome outcome = wait(drained_);
  if (!outcome.ok()) device_.note_clean_up(outcome.code, "cuEventQuery");
}

Outcome Lane::measure(const Slot& slot, DevicePhases* phases) noexcept {
  float kernel_ms = 0;
  float download_ms = 0;
  Outcome outcome = GEARSHIFT_CU(device_, cuEventElapsedTime, &kernel_ms, slot.begun, slot.computed);
  if (outcome.ok()) outcome = GEARSHIFT_CU(device_, cuEventElapsedTime, &download_ms, slot.computed, slot.copied);
  phases->kernel_ms += kernel_ms;
  phases->download_ms += download_ms;
  return outcome;
}

}  // namespace gearshift::cuda
