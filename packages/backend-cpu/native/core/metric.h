#pragma once

#include <cstdint>

namespace gearshift {

/** How two vectors are compared. Cosine and dot: larger is better; euclidean: a distance, smaller is better. */
enum class Metric : uint8_t { cosine, dot, euclidean };

}  // namespace gearshift
