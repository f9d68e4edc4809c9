#include "binding/entries.h"
#include "binding/report.h"
#include "device/memory_pool.h"
#include "device/workers.h"

namespace gearshift::cuda::binding {
namespace {

bool set_number(napi_env env, napi_value object, const char* name, double number) noexcept {
  napi_value value = nullptr;
  return napi_create_double(env, number, &value) == napi_ok && napi_set_named_property(env, object, name, value) == napi_ok;
}

bool set_text(napi_env env, napi_value object, const char* name, const char* text) noexcept {
  napi_value value = nullptr;
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

napi_value refuse(Call& call, Failure failure, CUresult code, const Reason& reason) noexcept {
  napi_value object = nullptr;
  napi_create_object(call.env(), &object);
  set_number(call.env(), object, "status", static_cast<double>(failure));
  set_number(call.env(), object, "code", code);
  set_text(call.env(), object, "reason", reason.c_str());
  return object;
}

}  // namespace

Device* find_device(Call& call, size_t index) noexcept {
  Device* const device = call.state().devices().find(call.integer(index));
  if (device == nullptr) call.fail(ErrorType::type, "device: it names nothing");
  return device;
}

napi_value open_device(Call& call) {
  const int64_t ordinal = call.integer(0);
  const double hang_ms = call.number(1);
  if (call.failed()) return nullptr;
  const DriverLookup lookup = find_driver();
  if (lookup.driver == nullptr) return refuse(call, Failure::fault, lookup.code, lookup.reason);
  const Device::Opened opened = Device::open(*lookup.driver, static_cast<int>(ordinal), hang_ms);
  if (opened.device == nullptr) return refuse(call, opened.outcome.failure, opened.outcome.code, opened.reason);
  const DeviceFacts& facts = opened.device->facts();
  const int64_t handle = call.state().devices().add(opened.device);
  if (handle == 0) {
    return refuse(call, Failure::no_host_memory, CUDA_SUCCESS, Reason::of("the host does not have enough memory"));
  }
  napi_value object = nullptr;
  napi_create_object(call.env(), &object);
  set_number(call.env(), object, "status", 0);
  set_number(call.env(), object, "handle", static_cast<double>(handle));
  set_text(call.env(), object, "name", facts.name.c_str());
  set_number(call.env(), object, "computeMajor", facts.compute_major);
  set_number(call.env(), object, "computeMinor", facts.compute_minor);
  set_number(call.env(), object, "driverVersion", lookup.driver->version);
  return object;
}

napi_value close_device(Call& call) {
  const int64_t handle = call.integer(0);
  if (!call.failed()) (void)call.state().devices().remove(handle);
  return nullptr;
}

napi_value count_devices(Call& call) {
  const DriverLookup lookup = find_driver();
  int count = 0;
  if (lookup.driver == nullptr || lookup.driver->cuDeviceGetCount(&count) != CUDA_SUCCESS) count = 0;
  return call.give(count);
}

napi_value read_memory(Call& call) {
  Device* const device = find_device(call, 0);
  const ArrayView<double> numbers = call.doubles(1);
  if (!call.failed() && numbers.length < 2) call.fail(ErrorType::type, "numbers: expected room for 2");
  if (call.failed()) return nullptr;
  MemoryNumbers memory;
  const Outcome outcome = device->memory().read(&memory);
  numbers.data[0] = static_cast<double>(memory.free_bytes);
  numbers.data[1] = static_cast<double>(memory.total_bytes);
  return give_outcome(call, outcome);
}

napi_value is_idle(Call& call) {
  Device* const device = find_device(call, 0);
  return call.failed() ? nullptr : call.give_bool(device->workers().is_idle());
}

napi_value read_report(Call& call) {
  const ArrayView<double> numbers = call.doubles(0);
  if (!call.failed() && numbers.length < 5) call.fail(ErrorType::type, "numbers: expected room for 5");
  if (call.failed()) return nullptr;
  const EnvState& state = call.state();
  numbers.data[0] = state.last_outcome.code;
  numbers.data[1] = static_cast<double>(state.last_outcome.requested_bytes);
  numbers.data[2] = state.last_phases.upload_ms;
  numbers.data[3] = state.last_phases.kernel_ms;
  numbers.data[4] = state.last_phases.download_ms;
  return nullptr;
}

napi_value failed_call(Call& call) { return call.give_text(call.state().last_outcome.call); }

}  // namespace gearshift::cuda::binding
