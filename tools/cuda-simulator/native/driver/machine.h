#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver/driver_api.h"
#include "driver/settings.h"
#include "simt/grid.h"

namespace cuda_simulator {

using namespace gearshift::cuda;

struct Event {
  uint64_t recorded = 0;  // how often
  uint64_t passed = 0;    // which recording the device has reached
  double passed_at_ms = 0;
};

/** One thing a stream has to do. */
struct Operation {
  std::function<CUresult()> work;  // or none
  Event* records = nullptr;
  uint64_t recording = 0;  // of the event
  bool hangs = false;
};

struct Stream {
  std::deque<Operation> operations;
};

/**
 * The simulated machine. Streams are lazy: work is done when a call asks for its result, in an order drawn from the
 * seed among all that the streams and their events allow. So a missing wait gives wrong results, as it would one day.
 */
class Machine {
 public:
  static Machine& get();

  std::recursive_mutex mutex;
  Settings settings;
  Counters counters;
  bool is_initialised = false;
  CUresult sticky = CUDA_SUCCESS;  // a fatal error is the answer to everything after it
  std::string message;

  void reset();

  /** Counts a driver call and says what is to be answered at once. */
  CUresult enter();
  /** Whether the fault armed under `countdown` hits now. */
  bool hits(int64_t* countdown);
  /** Has a fault take effect: fatal ones stick. */
  CUresult strike(CUresult code);

  // Memory. Addresses are never given out twice, so use after free is noticed.
  CUresult allocate(size_t bytes, CUdeviceptr* address);
  CUresult free(CUdeviceptr address);
  bool holds(CUdeviceptr address, size_t bytes) const;
  CUresult allocate_host(size_t bytes, void** address);
  CUresult free_host(void* address);
  bool is_page_locked(const void* address, size_t bytes) const;
  /** Opens device memory to this thread for as long as an operation lasts. */
  void open_memory(bool open);

  // Streams.
  Stream* create_stream();
  bool is_stream(const Stream* stream) const;
  void destroy_stream(Stream* stream);
  Event* create_event();
  bool is_event(const Event* event) const;
  void destroy_event(Event* event);
  void push(Stream* stream, Operation operation);
  /** Does one operation that may be done now; false when there is none. */
  bool step();
  void finish(const std::function<bool()>& is_reached);

  void retain_context();
  void release_context();

 private:
  struct Allocation {
    size_t bytes;
    char* mapping;
    size_t mapped_bytes;
  };

  uint32_t draw(uint32_t bound);
  bool may_run(const Stream& stream) const;
  void forget_everything();

  uint32_t random_state_ = 1;
  std::map<CUdeviceptr, Allocation> allocations_;
  std::vector<std::pair<void*, size_t>> retired_;  // freed, but not to be given out again under the same context
  std::map<uintptr_t, size_t> host_allocations_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<Event>> events_;
};

}  // namespace cuda_simulator
