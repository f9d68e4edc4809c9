#include "driver/machine.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "driver/driver_error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace cuda_simulator {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kGranularity = 512;  // what a driver rounds allocations to
constexpr size_t kAlignment = 256;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

double now_ms() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

}  // namespace

Machine& Machine::get() {
  // Never destroyed: threads of the product may still call at the very end of a process.
  static Machine& machine = *new Machine();
  return machine;
}

void Machine::reset() {
  forget_everything();
  settings = {};
  counters = {};
  is_initialised = false;
  sticky = CUDA_SUCCESS;
  message.clear();
}

void Machine::forget_everything() {
  open_memory(true);
  for (auto& [address, allocation] : allocations_) munmap(allocation.mapping, allocation.mapped_bytes);
  allocations_.clear();
  streams_.clear();
  events_.clear();
  counters.live_allocations = counters.live_streams = counters.live_events = counters.live_modules = 0;
  counters.live_contexts = 0;
  counters.used_bytes = 0;
  for (const auto& [address, bytes] : host_allocations_) std::free(reinterpret_cast<void*>(address));
  host_allocations_.clear();
  for (const auto& [mapping, bytes] : retired_) munmap(mapping, bytes);
  retired_.clear();
  counters.live_host_allocations = 0;
}

CUresult Machine::enter() {
  if (!is_initialised) return CUDA_ERROR_NOT_INITIALIZED;
  ++counters.calls;
  random_state_ ^= static_cast<uint32_t>(settings.seed) * 2654435761u;
  settings.seed = 0;
  if (hits(&settings.vanish_call)) sticky = CUDA_ERROR_DEVICE_UNAVAILABLE;
  if (sticky != CUDA_SUCCESS) return sticky;
  if (hits(&settings.fail_call)) return strike(static_cast<CUresult>(settings.fail_code));
  return CUDA_SUCCESS;
}

bool Machine::hits(int64_t* countdown) {
  if (*countdown <= 0) return false;
  if (*countdown > 1) {
    --*countdown;
    return false;
  }
  if (settings.fail_from_there_on == 0) *countdown = 0;
  return true;
}

CUresult Machine::strike(CUresult code) {
  if (is_fatal(code)) sticky = code;
  return code;
}

// --- Memory ---------------------------------------------------------------------------------------------------------

void Machine::open_memory(bool open) {
#if defined(__SANITIZE_ADDRESS__)
  for (auto& [address, allocation] : allocations_) {
    auto* memory = reinterpret_cast<void*>(address);
    if (open) ASAN_UNPOISON_MEMORY_REGION(memory, allocation.bytes);
    else ASAN_POISON_MEMORY_REGION(memory, allocation.bytes);
  }
#else
  (void)open;
#endif
}

CUresult Machine::allocate(size_t bytes, CUdeviceptr* address) {
  ++counters.allocations;
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (hits(&settings.fail_allocation)) return strike(static_cast<CUresult>(settings.fail_code));
  const auto free_bytes = static_cast<size_t>(settings.memory_bytes - counters.used_bytes);
  const size_t granted = round_up(bytes, kGranularity);
  if (granted < bytes || granted > free_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  // The end of the allocation lies against a page that is not there.
  const size_t body = round_up(bytes, kAlignment);
  const size_t pages = round_up(body, kPage);
  const size_t mapped = pages + 2 * kPage;
  void* mapping = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  char* first = static_cast<char*>(mapping) + kPage;
  if (mprotect(first, pages, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapping, mapped);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(mapping, mapped);  // the addresses may have been another machine's
#endif
  char* memory = first + pages - body;
  memset(memory, 0xff, std::min(bytes, size_t{1} << 22));  // what was never written reads as NaN
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(first, pages);
#endif
  *address = reinterpret_cast<CUdeviceptr>(memory);
  allocations_[*address] = {bytes, static_cast<char*>(mapping), mapped};
  ++counters.live_allocations;
  counters.used_bytes += static_cast<int64_t>(granted);
  counters.peak_bytes = std::max(counters.peak_bytes, counters.used_bytes);
  return CUDA_SUCCESS;
}

CUresult Machine::free(CUdeviceptr address) {
  const auto found = allocations_.find(address);
  if (found == allocations_.end()) {
    ++counters.misuses;
    return CUDA_ERROR_INVALID_VALUE;
  }
  finish([] { return false; });  // as the driver does: freeing waits for the device
  const Allocation allocation = found->second;
  allocations_.erase(found);
  // The pages go, the addresses stay taken.
  mprotect(allocation.mapping, allocation.mapped_bytes, PROT_NONE);
  madvise(allocation.mapping, allocation.mapped_bytes, MADV_DONTNEED);
  retired_.emplace_back(allocation.mapping, allocation.mapped_bytes);
  --counters.live_allocations;
  counters.used_bytes -= static_cast<int64_t>(round_up(allocation.bytes, kGranularity));
  return CUDA_SUCCESS;
}

bool Machine::holds(CUdeviceptr address, size_t bytes) const {
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin()) return false;
  const auto& [begin, allocation] = *--after;
  return bytes <= allocation.bytes && address - begin <= allocation.bytes - bytes;
}

CUresult Machine::allocate_host(size_t bytes, void** address) {
  ++counters.allocations;
  if (hits(&settings.fail_allocation)) return strike(static_cast<CUresult>(settings.fail_code));
  *address = aligned_alloc(kPage, round_up(bytes, kPage));
  if (*address == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
  host_allocations_[reinterpret_cast<uintptr_t>(*address)] = bytes;
  ++counters.live_host_allocations;
  return CUDA_SUCCESS;
}

CUresult Machine::free_host(void* address) {
  if (host_allocations_.erase(reinterpret_cast<uintptr_t>(address)) == 0) {
    ++counters.misuses;
    return CUDA_ERROR_INVALID_VALUE;
  }
  finish([] { return false; });
  std::free(address);
  --counters.live_host_allocations;
  return CUDA_SUCCESS;
}

bool Machine::is_page_locked(const void* address, size_t bytes) const {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  auto after = host_allocations_.upper_bound(wanted);
  if (after == host_allocations_.begin()) return false;
  const auto& [begin, length] = *--after;
  return bytes <= length && wanted - begin <= length - bytes;
}

// --- Streams --------------------------------------------------------------------------------------------------------

Stream* Machine::create_stream() {
  streams_.push_back(std::make_unique<Stream>());
  ++counters.live_streams;
  return streams_.back().get();
}

bool Machine::is_stream(const Stream* stream) const {
  return std::any_of(streams_.begin(), streams_.end(), [=](const auto& own) { return own.get() == stream; });
}

void Machine::destroy_stream(Stream* stream) {
  finish([=] { return stream->operations.empty(); });
  streams_.erase(std::find_if(streams_.begin(), streams_.end(), [=](const auto& own) { return own.get() == stream; }));
  --counters.live_streams;
}

Event* Machine::create_event() {
  events_.push_back(std::make_unique<Event>());
  ++counters.live_events;
  return events_.back().get();
}

bool Machine::is_event(const Event* event) const {
  return std::any_of(events_.begin(), events_.end(), [=](const auto& own) { return own.get() == event; });
}

void Machine::destroy_event(Event* event) {
  finish([] { return false; });
  events_.erase(std::find_if(events_.begin(), events_.end(), [=](const auto& own) { return own.get() == event; }));
  --counters.live_events;
}

void Machine::push(Stream* stream, Operation operation) {
  if (operation.work != nullptr && hits(&settings.hang_operation)) operation.hangs = true;
  stream->operations.push_back(std::move(operation));
  if (settings.lazy == 0) finish([] { return false; });
}

uint32_t Machine::draw(uint32_t bound) {
  random_state_ = random_state_ * 1664525u + 1013904223u;
  return static_cast<uint32_t>((uint64_t{random_state_ >> 8} * bound) >> 24);
}

bool Machine::may_run(const Stream& stream) const {
  if (stream.operations.empty()) return false;
  return !stream.operations.front().hangs;
}

bool Machine::step() {
  const size_t count = streams_.size();
  if (count == 0) return false;
  const uint32_t offset = draw(static_cast<uint32_t>(count));
  for (size_t i = 0; i < count; ++i) {
    Stream& stream = *streams_[(offset + i) % count];
    if (!may_run(stream)) continue;
    const Operation operation = std::move(stream.operations.front());
    stream.operations.pop_front();
    if (settings.operation_us > 0) usleep(static_cast<useconds_t>(settings.operation_us));
    if (operation.work != nullptr && sticky == CUDA_SUCCESS) {
      ++counters.operations;
      CUresult code = CUDA_SUCCESS;
      if (hits(&settings.fail_operation)) {
        code = static_cast<CUresult>(settings.fail_code);
      } else {
        open_memory(true);
        code = operation.work();
        open_memory(false);
      }
      // What fails on the device itself is the end of its context.
      if (code != CUDA_SUCCESS) sticky = code;
    }
    if (operation.records != nullptr && operation.recording > operation.records->passed) {
      operation.records->passed = operation.recording;
      operation.records->passed_at_ms = now_ms();
    }
    return true;
  }
  return false;
}

void Machine::finish(const std::function<bool()>& is_reached) {
  while (!is_reached() && step()) continue;
}

void Machine::retain_context() { ++counters.live_contexts; }

void Machine::release_context() {
  if (--counters.live_contexts > 0) return;
  // Counted now: with the context everything goes, and a count made afterwards could never fail.
  counters.leaks += counters.live_allocations + counters.live_host_allocations + counters.live_streams +
                    counters.live_events + counters.live_modules;
  forget_everything();
}

}  // namespace cuda_simulator
