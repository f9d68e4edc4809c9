// gearshift-cuda-bandwidth: what the device can do at most, for the measurements to be compared with. Prints one line of JSON:
// bytes per second of a copy within device memory (read and written bytes together), of copies from and to page-locked memory,
// and microseconds of an empty round trip. Refuses to measure a simulator.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "kit/clock.h"
#include "device/lane_store.h"
#include "residency/shared_operand.h"

namespace {

using namespace gearshift::cuda;

// Not among what the product uses, so it is asked for here.
using CopyWithin = CUresult (*)(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream);

constexpr size_t kBytes = size_t{512} << 20;
constexpr int kRounds = 15;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/** Median seconds of what `enqueue` puts on the lane's stream, by the device's clock. */
template <typename Enqueue>
double seconds_of(Lane& lane, const Enqueue& enqueue) {
  std::vector<double> seconds;
  Lane::Slot& slot = lane.slot(0);
  for (int round = 0; round < kRounds; ++round) {
    if (!lane.record(slot.begun).ok()) return 0;
    enqueue();
    if (!lane.record(slot.computed).ok() || !lane.wait(slot.computed).ok()) return 0;
    float ms = 0;
    lane.device().driver().cuEventElapsedTime(&ms, slot.begun, slot.computed);
    seconds.push_back(ms * 1e-3);
  }
  return median(seconds);
}

int refuse(const char* why) {
  std::printf("{\"error\":\"%s\"}\n", why);
  return 1;
}

}  // namespace

int main() {
  const DriverLookup lookup = find_driver();
  if (lookup.driver == nullptr) return refuse(lookup.reason.c_str());
  Device::Opened opened = Device::open(*lookup.driver, 0, 30'000);
  if (opened.device == nullptr) return refuse(opened.reason.c_str());
  const DeviceRef device = std::move(opened.device);
  if (std::strstr(device->facts().name.c_str(), "simulator") != nullptr) return refuse("a simulator has no speed");
  const auto copy_within = reinterpret_cast<CopyWithin>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuMemcpyDtoDAsync_v2"));
  BorrowedLane lane(*device);
  if (!lane.outcome().ok() || copy_within == nullptr) return refuse("there is no lane to measure on");
  DeviceBuffer from;
  DeviceBuffer to;
  PinnedBuffer pinned;
  constexpr size_t kPinnedBytes = size_t{64} << 20;
  if (!from.reserve(*device, kBytes).ok() || !to.reserve(*device, kBytes).ok() || !pinned.reserve(*device, kPinnedBytes).ok()) {
    return refuse("not enough memory");
  }
  std::memset(pinned.as<char>(), 1, kPinnedBytes);
  const double within = seconds_of(*lane, [&] { copy_within(to.address(), from.address(), kBytes, lane->stream()); });
  const double up = seconds_of(*lane, [&] { (void)lane->upload(to.address(), pinned.as<char>(), kPinnedBytes); });
  const double down = seconds_of(*lane, [&] { (void)lane->download(pinned.as<char>(), from.address(), kPinnedBytes); });
  std::vector<double> round_trips;
  for (int round = 0; round < 200; ++round) {
    const int64_t begun_ns = gearshift::kit::now_ns();
    (void)lane->upload(to.address(), pinned.as<char>(), 4096);
    (void)lane->download(pinned.as<char>(), to.address(), 4096);
    (void)lane->record(lane->slot(0).computed);
    (void)lane->wait(lane->slot(0).computed);
    round_trips.push_back(static_cast<double>(gearshift::kit::now_ns() - begun_ns) * 1e-3);
  }
  std::printf("{\"copyBytesPerSecond\":%.4g,\"uploadBytesPerSecond\":%.4g,\"downloadBytesPerSecond\":%.4g,\"roundTripMicroseconds\":%.3g}\n",
              2 * static_cast<double>(kBytes) / within, static_cast<double>(kPinnedBytes) / up,
              static_cast<double>(kPinnedBytes) / down, median(round_trips));
  return 0;
}
