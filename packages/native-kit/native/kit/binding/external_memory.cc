#include "kit/binding/external_memory.h"

namespace gearshift::kit {
namespace {

/** Marks an object as reported. Random, and the same in every addon. */
constexpr napi_type_tag kReported = {0x8d0f3a1c5b7e4926, 0xa47c19e26d05f83b};

/** The sum of what is reported. */
int64_t adjust(napi_env env, int64_t change) noexcept {
  int64_t total = 0;
  (void)napi_adjust_external_memory(env, change, &total);
  return total;
}

void on_collected(napi_env env, void* bytes, void*) {
  take_back_memory(env, static_cast<size_t>(reinterpret_cast<uintptr_t>(bytes)));
}

}  // namespace

void report_memory(napi_env env, size_t bytes) noexcept { (void)adjust(env, static_cast<int64_t>(bytes)); }

void take_back_memory(napi_env env, size_t bytes) noexcept { (void)adjust(env, -static_cast<int64_t>(bytes)); }

void change_reported_memory(napi_env env, size_t before, size_t after) noexcept {
  (void)adjust(env, static_cast<int64_t>(after) - static_cast<int64_t>(before));
}

int64_t report_memory_of(napi_env env, napi_value object, size_t bytes) noexcept {
  bool is_reported = false;
  if (napi_check_object_type_tag(env, object, &kReported, &is_reported) != napi_ok || is_reported) return adjust(env, 0);
  if (napi_type_tag_object(env, object, &kReported) != napi_ok) return adjust(env, 0);
  void* const data = reinterpret_cast<void*>(static_cast<uintptr_t>(bytes));
  const bool will_be_taken_back = napi_add_finalizer(env, object, data, on_collected, nullptr, nullptr) == napi_ok;
  return adjust(env, will_be_taken_back ? static_cast<int64_t>(bytes) : 0);
}

}  // namespace gearshift::kit
