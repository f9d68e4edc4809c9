#include "failing_allocations.h"

#include <atomic>
#include <cstddef>
#include <new>

namespace {

std::atomic<long> count{0};
std::atomic<long> failing{0};
std::atomic<bool> fails_from_there_on{false};

bool fails_now() noexcept {
  const long nth = ++count;
  const long first = failing.load();
  return first > 0 && (nth == first || (fails_from_there_on.load() && nth > first));
}

}  // namespace

namespace gearshift::tests {

void fail_allocation(long nth, bool from_there_on) noexcept {
  count = 0;
  failing = nth;
  fails_from_there_on = from_there_on;
}

long allocation_count() noexcept { return count.load(); }

}  // namespace gearshift::tests

// What allocates otherwise stays as it is, so that memory is freed by the operators that sanitizers expect.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return fails_now() ? nullptr : ::operator new(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return fails_now() ? nullptr : ::operator new[](bytes);
}
