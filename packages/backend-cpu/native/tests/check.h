#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdio>

// Positions of the format and of its first value, `this` being 1.
#if defined(__GNUC__)
#define GEARSHIFT_PRINTS(text, values) __attribute__((format(printf, text, values)))
#else
#define GEARSHIFT_PRINTS(text, values)
#endif

namespace gearshift::tests {

/** Counts what holds and prints what does not. */
class Check {
 public:
  /** Says what is wrong when `holds` is false; the message is printed for the first few failures of a group. */
  GEARSHIFT_PRINTS(3, 4) bool that(bool holds, const char* format, ...) {
    ++checks_;
    if (holds) return true;
    if (++failures_ <= kPrinted) {
      std::printf("  ");
      va_list values;
      va_start(values, format);
      std::vprintf(format, values);
      va_end(values);
      std::printf("\n");
    }
    return false;
  }

  size_t checks() const { return checks_; }
  size_t failures() const { return failures_; }

 private:
  static constexpr size_t kPrinted = 5;
  size_t checks_ = 0;
  size_t failures_ = 0;
};

}  // namespace gearshift::tests
