#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace gearshift::kit {

/*
 * V8 collects garbage when its own heap grows, and knows nothing of memory outside of it: a small object that keeps megabytes
 * alive would stay for ever. What is reported here counts like memory of the heap, so the code that reports bytes must take the
 * same number back.
 */

void report_memory(napi_env env, size_t bytes) noexcept;
void take_back_memory(napi_env env, size_t bytes) noexcept;
/**
 * For what was reported with another size. Not by taking back all of it first: V8 would see new memory of the whole size, which
 * is a reason to collect garbage.
 */
void change_reported_memory(napi_env env, size_t before, size_t after) noexcept;

/**
 * Reports the bytes that an object keeps alive until it is collected, once however often it is called. Of all array buffers
 * only shared ones need it: V8 counts the others itself. Returns all bytes that are reported now, also by others.
 */
int64_t report_memory_of(napi_env env, napi_value object, size_t bytes) noexcept;

}  // namespace gearshift::kit
