#include "core/query_codes.h"

#include <algorithm>
#include <cmath>

namespace gearshift {

namespace {

bool has_room(AlignedMemory& memory, size_t bytes) noexcept { return memory.bytes() >= bytes || memory.allocate(bytes); }

}  // namespace

bool QueryCodes::prepare(const KernelTable& kernels, const RowCodes& codes, const CodeQuery* queries, size_t count) noexcept {
  const size_t dimensions = codes.coded_dimensions();
  count_ = 0;
  if (!has_room(memory_, count * dimensions) || !has_room(sums_, count * sizeof(int32_t)) ||
      !has_room(terms_, count * sizeof(WholeCodeTerms))) {
    return false;
  }
  // A part is worth as much as a high part, or as two and a little more.
  const int32_t most_part = kernels.codes.most_part;
  const double high_of_part = 127.0 / most_part;
  constexpr double kRoundUp = 1 + 0x1p-22;
  for (size_t q = 0; q < count; ++q) {
    const CodeQuery& query = queries[q];
    int8_t* const parts = memory_.as<int8_t>() + q * dimensions;
    int32_t sum = 0;
    int64_t square = 0;
    double error_square = 0;
    for (size_t i = 0; i < dimensions; ++i) {
      const double high = query.high[i] + query.low[i] / static_cast<double>(kLowPartsOfCode);
      const double steps = high / high_of_part;
      const int part = std::min(most_part, std::max(-most_part, static_cast<int>(steps + (steps < 0 ? -0.5 : 0.5))));
      parts[i] = static_cast<int8_t>(part);
      sum += part;
      square += part * part;
      error_square += (high - high_of_part * part) * (high - high_of_part * part);
    }
    const double unit = query.unit * kLowPartsOfCode * high_of_part;
    const double error = query.unit * kLowPartsOfCode * std::sqrt(error_square);
    const double length = unit * std::sqrt(static_cast<double>(square));
    sums_.as<int32_t>()[q] = 128 * sum;
    // Rounded up; the query's own slack has room for what its first code lacks, and for every rounding.
    terms_.as<WholeCodeTerms>()[q] = {255 * sum,
                                      static_cast<float>(unit / 2),
                                      query.terms.base,
                                      static_cast<float>(length * kRoundUp),
                                      static_cast<float>(error * kRoundUp + 1e-12),
                                      query.terms.slack};
  }
  is_laid_out_ = kernels.codes.lay_out_queries != nullptr;
  if (is_laid_out_) {
    const size_t room = (count + kQueriesLaidOut - 1) / kQueriesLaidOut * kQueriesLaidOut;
    if (!has_room(laid_out_, room * dimensions)) return false;
    kernels.codes.lay_out_queries(memory_.as<int8_t>(), count, dimensions, laid_out_.as<int8_t>());
  }
  count_ = count;
  return true;
}

}  // namespace gearshift
