#include "core/reference.h"

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/element_value.h"

namespace gearshift {
namespace {

using kit::ElementFormat;
using kit::ElementType;

/** A vector with the values of its elements. */
template <class Element>
struct Values {
  const Element* elements;
  float scale;

  double operator[](size_t i) const noexcept {
    const float value = value_of(elements[i]);
    // Rounded to float32, like every value.
    return std::is_same<Element, int8_t>::value ? value * scale : value;
  }
};

/** Calls body(values) with the values of a vector of any type. */
template <class Body>
auto with_values(const void* v, ElementFormat format, const Body& body) noexcept {
  switch (format.type) {
    case ElementType::float16: return body(Values<Float16>{static_cast<const Float16*>(v), 1});
    case ElementType::bfloat16: return body(Values<Bfloat16>{static_cast<const Bfloat16*>(v), 1});
    case ElementType::int8: return body(Values<int8_t>{static_cast<const int8_t*>(v), format.scale});
    case ElementType::float32: break;
  }
  return body(Values<float>{static_cast<const float*>(v), 1});
}

template <class A, class B>
double dot_f64(const Values<A>& a, const Values<B>& b, size_t dimensions) noexcept {
  double sum = 0;
  for (size_t i = 0; i < dimensions; ++i) sum += a[i] * b[i];
  return sum;
}

template <class A, class B>
double squared_distance_f64(const Values<A>& a, const Values<B>& b, size_t dimensions) noexcept {
  double sum = 0;
  for (size_t i = 0; i < dimensions; ++i) {
    const double difference = a[i] - b[i];
    sum += difference * difference;
  }
  return sum;
}

template <class A, class B>
double cosine_f64(const Values<A>& query, const Values<B>& row, size_t dimensions) noexcept {
  const double dot = dot_f64(query, row, dimensions);
  // Before the zero vectors: NaN reaches its scores even where the other vector is zero.
  if (dot != dot) return dot;
  const double query_norm = dot_f64(query, query, dimensions);
  const double row_norm = dot_f64(row, row, dimensions);
  if (query_norm < kZeroSquaredNorm || row_norm < kZeroSquaredNorm) return 0;
  // Two roots, not one of the product: that overflows for vectors near the largest float32.
  const double cosine = dot / (std::sqrt(query_norm) * std::sqrt(row_norm));
  return cosine > 1 ? 1 : (cosine < -1 ? -1 : cosine);
}

template <class A, class B>
double score_f64(Metric metric, const Values<A>& query, const Values<B>& row, size_t dimensions) noexcept {
  switch (metric) {
    case Metric::cosine: return cosine_f64(query, row, dimensions);
    case Metric::dot: return dot_f64(query, row, dimensions);
    case Metric::euclidean: break;
  }
  return std::sqrt(squared_distance_f64(query, row, dimensions));
}

}  // namespace

double squared_norm_f64(const void* v, ElementFormat format, size_t dimensions) noexcept {
  return with_values(v, format, [=](const auto& values) noexcept { return dot_f64(values, values, dimensions); });
}

float reference_score(Metric metric, const float* query, const void* row, ElementFormat format,
                      size_t dimensions) noexcept {
  return with_values(row, format, [=](const auto& values) noexcept {
    return static_cast<float>(score_f64(metric, Values<float>{query, 1}, values, dimensions));
  });
}

}  // namespace gearshift
