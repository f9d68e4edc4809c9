#pragma once

namespace gearshift::tests {

/**
 * Has an allocation fail as if memory had run out: the nth from now on of those that report failure by a null pointer
 * (operator new with std::nothrow). 0: none.
 *
 * @param from_there_on every one after it fails too
 */
void fail_allocation(long nth, bool from_there_on) noexcept;

/** How many such allocations there were since the last fail_allocation(). */
long allocation_count() noexcept;

}  // namespace gearshift::tests
