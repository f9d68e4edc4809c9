#pragma once

#include <cstdint>

#if defined(__SSE__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace gearshift {

/**
 * Says for as long as it lives whether subnormal numbers are treated as zero, then restores what was: JavaScript must never
 * see the change. Where the CPU has no such mode, nothing changes.
 */
template <bool kFlush>
class SubnormalMode {
 public:
#if defined(__SSE__) || defined(_M_X64)
  SubnormalMode() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(kFlush ? saved_ | kBits : saved_ & ~kBits); }
  ~SubnormalMode() { _mm_setcsr(saved_); }

 private:
  static constexpr unsigned kBits = 0x8040;  // results flushed to zero, operands read as zero
  const unsigned saved_;
#elif defined(__aarch64__) && defined(__GNUC__)
  SubnormalMode() noexcept : saved_(get()) { set(kFlush ? saved_ | kBit : saved_ & ~kBit); }
  ~SubnormalMode() { set(saved_); }

 private:
  static constexpr uint64_t kBit = 1u << 24;  // both
  static uint64_t get() noexcept {
    uint64_t mode;
    asm volatile("mrs %0, fpcr" : "=r"(mode) : : "memory");
    return mode;
  }
  static void set(uint64_t mode) noexcept { asm volatile("msr fpcr, %0" : : "r"(mode) : "memory"); }
  const uint64_t saved_;
#else
  SubnormalMode() noexcept {}
#endif

 public:
  SubnormalMode(const SubnormalMode&) = delete;
  SubnormalMode& operator=(const SubnormalMode&) = delete;
};

/** For the kernels: with subnormal numbers a scan takes 80 times as long. */
using FlushSubnormals = SubnormalMode<true>;
/** For the reference: a subnormal number times infinity is infinite, zero times infinity is not a number. */
using KeepSubnormals = SubnormalMode<false>;

}  // namespace gearshift
