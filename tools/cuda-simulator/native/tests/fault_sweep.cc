// fault_sweep RUNS SEED: scenarios on the simulated driver, each under another schedule and with a fault at another place.
// fault_sweep positions SEED: two scenarios, with every code at every driver call and every allocation, once and from there on.
// fault_sweep host-memory SEED: the same two, with every allocation in host memory failing, once and from there on.
//
// Whatever happens, a result that counts as a success must be right, a device that is not lost must have given everything
// back, and nothing may end the process. Prints one line of JSON; the exit status is 1 when anything was found.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "control.h"
#include "failing_allocations.h"
#include "scenario.h"

namespace cuda_tests {
namespace {

constexpr int kCodes[] = {CUDA_ERROR_OUT_OF_MEMORY, CUDA_ERROR_UNKNOWN, CUDA_ERROR_ILLEGAL_ADDRESS, CUDA_ERROR_LAUNCH_FAILED,
                          CUDA_ERROR_DEVICE_UNAVAILABLE};

struct Totals {
  long runs = 0;
  long with_failure = 0;
  long lost_devices = 0;
  long silently_wrong = 0;
  long leaks = 0;
  long misuses = 0;
  long undefined = 0;
  long wrong_kinds = 0;

  long violations() const { return silently_wrong + leaks + misuses + undefined + wrong_kinds; }
};

/** Not a setting of the simulator: an allocation of the core in host memory. */
constexpr const char* kHostAllocation = "host allocation";

struct Fault {
  const char* setting = nullptr;
  long position = 0;
  int code = 0;
  bool from_there_on = false;
  bool before_opening = false;

  bool is_of_host() const { return setting == kHostAllocation; }
};

void arm(const Fault& fault) {
  if (fault.setting == nullptr) return;
  if (fault.is_of_host()) {
    gearshift::tests::fail_allocation(fault.position, fault.from_there_on);
    return;
  }
  cuda_simulator_set("fail_code", fault.code);
  cuda_simulator_set("fail_from_there_on", fault.from_there_on ? 1 : 0);
  cuda_simulator_set(fault.setting, fault.position);
}

void complain(const Fault& fault, uint64_t seed, const std::string& what) {
  std::printf("seed %llu, %s %ld, code %d%s: %s\n", static_cast<unsigned long long>(seed), fault.setting, fault.position,
              fault.code, fault.from_there_on ? " from there on" : "", what.c_str());
}

/** A code that kills a context must be reported as such; one that does not, must not. */
bool has_right_kind(const Fault& fault, const Outcome& outcome) {
  if (fault.is_of_host()) return outcome.failure == Failure::no_host_memory;
  if (outcome.code <= 0) return true;
  switch (outcome.failure) {
    case Failure::device_lost: return true;  // also what comes after
    case Failure::out_of_memory:
    case Failure::no_host_memory: return outcome.code == CUDA_ERROR_OUT_OF_MEMORY;
    case Failure::fault: return !is_fatal(outcome.code) && outcome.code != CUDA_ERROR_OUT_OF_MEMORY;
    case Failure::timeout: return outcome.code == CUDA_ERROR_NOT_READY;
    default: return false;
  }
}

void run(const Scenario& scenario, const Fault& fault, uint64_t seed, Totals* totals) {
  ++totals->runs;
  cuda_simulator_reset();
  gearshift::tests::fail_allocation(0, false);
  cuda_simulator_set("seed", static_cast<int64_t>(seed));
  const DriverLookup lookup = find_driver();
  if (lookup.driver == nullptr) {
    std::printf("no driver: %s\n", lookup.reason.c_str());
    std::exit(2);
  }
  const uint64_t clean_ups_before = Device::failed_clean_ups();
  if (fault.before_opening) arm(fault);
  constexpr double kHangMs = 3;
  const bool may_hang = fault.setting != nullptr && std::strcmp(fault.setting, "hang_operation") == 0;
  Device::Opened opened = Device::open(*lookup.driver, 0, may_hang ? kHangMs : 60'000);
  bool is_lost = opened.outcome.failure == Failure::device_lost;
  bool has_failed = opened.device == nullptr;
  if (has_failed && !has_right_kind(fault, opened.outcome)) {
    ++totals->wrong_kinds;
    complain(fault, seed, "a failure to open of kind " + std::to_string(static_cast<int>(opened.outcome.failure)));
  }
  if (!has_failed) {
    // The only reference, so that the device is closed before what it left behind is counted.
    const DeviceRef device = std::move(opened.device);
    if (!fault.before_opening) arm(fault);
    const Trial trial = run_scenario(scenario, device);
    has_failed = !trial.failures.empty();
    for (const Outcome& outcome : trial.failures) {
      if (has_right_kind(fault, outcome)) continue;
      ++totals->wrong_kinds;
      complain(fault, seed, "a failure of kind " + std::to_string(static_cast<int>(outcome.failure)) + " for code " + std::to_string(outcome.code));
    }
    if (!trial.wrong.empty()) {
      ++totals->silently_wrong;
      complain(fault, seed, trial.wrong);
    }
    is_lost = device->is_lost();
    for (const Outcome& outcome : trial.failures) {
      if (outcome.failure != Failure::device_lost || is_lost) continue;
      ++totals->wrong_kinds;
      complain(fault, seed, "a device that failed for good does not count as lost");
    }
  }
  totals->with_failure += has_failed;
  Device::forget_lost();
  // A clean-up that fails, also the one at the end, makes the device lost: then the context takes everything with it.
  if (is_lost || Device::failed_clean_ups() != clean_ups_before) {
    ++totals->lost_devices;
  } else if (const int64_t left = cuda_simulator_get("leaks") + cuda_simulator_get("live_contexts"); left != 0) {
    totals->leaks += left;
    complain(fault, seed, "something was left behind");
  }
  totals->misuses += cuda_simulator_get("misuses");
  if (cuda_simulator_get("misuses") != 0) complain(fault, seed, "the driver was misused");
  totals->undefined += cuda_simulator_get("undefined");
  if (cuda_simulator_get("undefined") != 0) complain(fault, seed, cuda_simulator_message());
}

void sweep(long runs, uint64_t first_seed, Totals* totals) {
  for (long i = 0; i < runs; ++i) {
    const uint64_t seed = first_seed + static_cast<uint64_t>(i);
    Random random(seed * 31 + 7);
    Fault fault;
    fault.code = kCodes[random.below(5)];
    fault.from_there_on = random.below(3) == 0;
    fault.before_opening = random.below(4) == 0;
    fault.position = 1 + random.below(random.below(2) == 0 ? 40 : 250);
    switch (random.below(12)) {
      case 0: break;  // only another schedule
      case 1: fault.setting = "vanish_call"; break;
      case 2: fault.setting = "fail_allocation"; fault.position = 1 + random.below(25); break;
      case 3: fault.setting = "fail_operation"; fault.code = kCodes[2 + random.below(2)]; fault.position = 1 + random.below(40); break;
      case 4:
        // Costs milliseconds each.
        if (random.below(20) == 0) {
          fault.setting = "hang_operation";
          fault.position = 1 + random.below(20);
          fault.from_there_on = true;
        }
        break;
      default: fault.setting = "fail_call"; break;
    }
    run(Scenario(seed), fault, seed, totals);
  }
}

void try_positions(const Scenario& scenario, uint64_t seed, Totals* totals) {
  run(scenario, {}, seed, totals);
  const struct {
    const char* setting;
    int64_t count;
  } places[] = {{"fail_call", cuda_simulator_get("calls")}, {"fail_allocation", cuda_simulator_get("allocations")}};
  for (const auto& [setting, count] : places) {
    for (int64_t position = 1; position <= count; ++position) {
      for (const int code : kCodes) {
        for (const bool from_there_on : {false, true}) run(scenario, {setting, position, code, from_there_on, true}, seed, totals);
      }
    }
  }
}

void fail_host_memory(const Scenario& scenario, uint64_t seed, Totals* totals) {
  run(scenario, {}, seed, totals);
  const long count = gearshift::tests::allocation_count();
  for (long position = 1; position <= count; ++position) {
    for (const bool from_there_on : {false, true}) run(scenario, {kHostAllocation, position, 0, from_there_on, true}, seed, totals);
  }
}

}  // namespace
}  // namespace cuda_tests

int main(int count, char** arguments) {
  using namespace cuda_tests;
  if (count != 3) {
    std::fprintf(stderr, "usage: fault_sweep RUNS|positions|host-memory SEED\n");
    return 2;
  }
  Totals totals;
  const uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
  const bool fails_positions = std::strcmp(arguments[1], "positions") == 0;
  const bool fails_host_memory = std::strcmp(arguments[1], "host-memory") == 0;
  if (fails_positions || fails_host_memory) {
    for (const auto extent : {Scenario::Extent::every_operation, Scenario::Extent::bounded_ranking}) {
      if (fails_positions) try_positions(Scenario(seed, extent), seed, &totals);
      else fail_host_memory(Scenario(seed, extent), seed, &totals);
    }
  } else {
    sweep(std::atol(arguments[1]), seed, &totals);
  }
  std::printf(
      "{\"runs\":%ld,\"withFailure\":%ld,\"lostDevices\":%ld,\"silentlyWrong\":%ld,\"leaks\":%ld,\"misuses\":%ld,"
      "\"undefined\":%ld,\"wrongKinds\":%ld,\"seed\":%llu}\n",
      totals.runs, totals.with_failure, totals.lost_devices, totals.silently_wrong, totals.leaks, totals.misuses,
      totals.undefined, totals.wrong_kinds, static_cast<unsigned long long>(seed));
  return totals.violations() == 0 ? 0 : 1;
}
