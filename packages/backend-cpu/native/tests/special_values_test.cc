// The table of special values that every backend follows, row by row: as a row, as the query, resident, borrowed and as a
// candidate. What float32 cannot tell comes out as double precision gives it.
#include <cfloat>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/floating_point_mode.h"
#include "core/scan.h"
#include "groups.h"
#include "oracle.h"
#include "random_values.h"

namespace gearshift::tests {
namespace {

struct Vector {
  std::string name;
  std::vector<float> values;
};

std::vector<Vector> special_vectors(size_t dimensions, Random& random) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> ordinary = random.values(dimensions);
  std::vector<Vector> all;
  const auto fill = [&](const char* name, float value) { all.push_back({name, std::vector<float>(dimensions, value)}); };
  const auto scale = [&](const char* name, float factor) {
    all.push_back({name, ordinary});
    for (float& value : all.back().values) value *= factor;
  };
  const auto replace = [&](const std::string& name, size_t at, float value) {
    all.push_back({name, ordinary});
    all.back().values[at] = value;
  };
  all.push_back({"ordinary", ordinary});
  scale("opposite", -1);
  fill("zero", 0.0f);
  fill("negative zero", -0.0f);
  fill("the largest", FLT_MAX);
  fill("the largest, negative", -FLT_MAX);
  fill("the smallest normal", FLT_MIN);
  fill("the smallest subnormal", FLT_TRUE_MIN);
  fill("a norm of nothing", 1e-22f);
  for (const float factor : {1e-30f, 1e-19f, 1e-15f, 1e-12f, 1e12f, 1e15f, 1e19f, 1e30f, 1e38f})
    scale(("times " + std::to_string(std::log10(factor))).c_str(), factor);
  for (const size_t at : {size_t{0}, dimensions / 2, dimensions - 1}) {
    const std::string place = " at " + std::to_string(at);
    replace("NaN" + place, at, kNan);
    replace("infinite" + place, at, kInfinity);
    replace("minus infinite" + place, at, -kInfinity);
    replace("the largest" + place, at, FLT_MAX);
  }
  if (dimensions > 1) {
    replace("both infinities", 0, kInfinity);
    all.back().values[dimensions - 1] = -kInfinity;
    // Products overflow in float32, their sum is ordinary.
    replace("sums that cancel", 0, 3e38f);
    all.back().values[1] = -3e38f;
  }
  // Just above and just below the squared norm under which a vector is a zero vector.
  fill("the least that counts", 0.0f);
  all.back().values[0] = 0x1p-63f;
  fill("the most that is zero", 0.0f);
  all.back().values[0] = 0x1.6p-64f;
  return all;
}

double allowed_error(Metric metric, const Vector& query, const Vector& row, size_t dimensions) {
  if (metric == Metric::cosine) return rounding(dimensions);
  const Sums sums = sums_of(query.values.data(), row.values.data(), dimensions);
  // Subnormal products may be flushed to zero, and subnormal values before they are multiplied.
  double flushed = 0;
  for (size_t i = 0; i < dimensions; ++i) {
    const double q = std::fabs(query.values[i]);
    const double r = std::fabs(row.values[i]);
    flushed += FLT_MIN * (metric == Metric::dot ? 1 + (q < FLT_MIN ? r : 0) + (r < FLT_MIN ? q : 0) : 1);
  }
  if (metric == Metric::euclidean) return std::sqrt(flushed) + rounding(dimensions) * std::sqrt(sums.squared_distance);
  return flushed + rounding(dimensions) * sums.magnitude;
}

}  // namespace

void special_values_follow_the_rule(Check& check, const KernelTable& kernels) {
  Random random(20);
  for (const size_t dimensions : {1, 3, 16, 17, 64, 100}) {
    const std::vector<Vector> vectors = special_vectors(dimensions, random);
    const size_t rows = vectors.size();
    std::vector<float> values;
    for (const Vector& vector : vectors) values.insert(values.end(), vector.values.begin(), vector.values.end());
    auto resident = ResidentMatrix::allocate(rows, dimensions);
    if (!check.that(resident != nullptr, "no memory")) return;
    {
      const FlushSubnormals flush;
      resident->fill(kernels, values.data(), 0, rows);
    }
    for (const Vector& query : vectors) {
      for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
        std::vector<float> from_resident(rows);
        std::vector<float> from_borrowed(rows);
        std::vector<float> from_candidates(rows);
        {
          const FlushSubnormals flush;
          PreparedQuery prepared;
          if (!check.that(prepared.prepare(kernels, query.values.data(), dimensions), "no memory")) return;
          const MatrixView borrowed = view_of(values.data(), {}, rows, dimensions);
          score_rows(kernels, metric, resident->view(), prepared, 0, rows, from_resident.data());
          score_rows(kernels, metric, borrowed, prepared, 0, rows, from_borrowed.data());
          for (uint32_t row = 0; row < rows; ++row)
            score_candidates(kernels, metric, borrowed, prepared, &row, 1, &from_candidates[row]);
        }
        for (size_t row = 0; row < rows; ++row) {
          const double expected = expected_score(metric, query.values.data(), vectors[row].values.data(), dimensions);
          const double error = allowed_error(metric, query, vectors[row], dimensions);
          for (const float score : {from_resident[row], from_borrowed[row], from_candidates[row]})
            check.that(is_close(score, expected, error), "metric %d, %zu dimensions, query '%s', row '%s': %g, not %g",
                       static_cast<int>(metric), dimensions, query.name.c_str(), vectors[row].name.c_str(), score,
                       expected);
          if (metric == Metric::cosine)
            check.that(!(from_resident[row] > 1 || from_resident[row] < -1), "a cosine of %.9g", from_resident[row]);
        }
      }
    }
  }
}

}  // namespace gearshift::tests
