#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdio>

#if defined(__GNUC__)
#define GEARSHIFT_FORMAT(text, values) __attribute__((format(printf, text, values)))
#else
#define GEARSHIFT_FORMAT(text, values)
#endif

namespace gearshift::kit {

/** A short text that needs no memory of its own, such as the reason of a failure. What does not fit is cut off. */
template <size_t kBytes>
class Text {
 public:
  Text() = default;

  GEARSHIFT_FORMAT(1, 2) static Text of(const char* format, ...) noexcept {
    Text text;
    std::va_list values;
    va_start(values, format);
    std::vsnprintf(text.bytes_, kBytes, format, values);
    va_end(values);
    return text;
  }

  const char* c_str() const noexcept { return bytes_; }

 private:
  char bytes_[kBytes] = "";
};

}  // namespace gearshift::kit
