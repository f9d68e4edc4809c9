// Rankings from codes of rows against the scan of all rows in float32, and the bounds of the codes against double precision.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/certified_top_k.h"
#include "core/floating_point_mode.h"
#include "core/inverse_norm.h"
#include "core/query_codes.h"
#include "core/row_codes.h"
#include "core/row_mask.h"
#include "core/scan.h"
#include "groups.h"
#include "oracle.h"
#include "random_values.h"

namespace gearshift::tests {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/** Rows with what a scan and codes need of them. */
struct Corpus {
  const char* name;
  size_t dimensions;
  std::vector<float> rows;
  std::vector<float> inverse_norms;
  std::unique_ptr<RowCodes> codes;

  size_t count() const { return rows.size() / dimensions; }
  MatrixView view() const { return {rows.data(), {}, dimensions, count(), dimensions, inverse_norms.data()}; }

  void prepare(const KernelTable& kernels) {
    inverse_norms.resize(count());
    const FlushSubnormals flush;
    inverse_norms_of(kernels, rows.data(), {}, dimensions, count(), dimensions, inverse_norms.data());
    codes = RowCodes::allocate(count(), dimensions);
    codes->choose_mean(view());
    codes->encode(view(), 0, count());
  }
};

float gaussian(Random& random) {
  float sum = 0;
  for (int i = 0; i < 6; ++i) sum += random.value();
  return sum * 0.7f;
}

/** A set of rows that is hard for a bound in one way or another. */
Corpus make_corpus(size_t kind, size_t count, size_t dimensions, Random& random) {
  Corpus corpus{"", dimensions, std::vector<float>(count * dimensions), {}, nullptr};
  std::vector<float> centres(16 * dimensions);
  for (float& value : centres) value = gaussian(random);
  const auto fill = [&](const char* name, auto value_of) {
    corpus.name = name;
    for (size_t row = 0; row < count; ++row)
      for (size_t i = 0; i < dimensions; ++i) corpus.rows[row * dimensions + i] = value_of(row, i);
  };
  switch (kind) {
    case 0:
      fill("independent", [&](size_t, size_t) { return gaussian(random); });
      break;
    case 1: {
      size_t centre = 0;
      fill("clustered", [&](size_t, size_t i) {
        if (i == 0) centre = random.below(16);
        return centres[centre * dimensions + i] + 0.3f * gaussian(random);
      });
      break;
    }
    case 2:
      fill("far from zero", [&](size_t, size_t i) { return 20 + centres[i] + 0.05f * gaussian(random); });
      break;
    case 3: {
      float length = 1;
      fill("of many lengths", [&](size_t, size_t i) {
        if (i == 0) length = std::exp2(static_cast<float>(random.below(40)) - 20);
        return length * gaussian(random);
      });
      break;
    }
    case 4:
      fill("many equal rows", [&](size_t row, size_t i) { return centres[row % 7 * dimensions + i]; });
      break;
    case 5: {
      size_t special = 0;
      fill("special values", [&](size_t, size_t i) {
        constexpr float kSpecial[] = {kNan, kInfinity, -kInfinity, 1e30f, 1e-30f, 1e-42f, 0.0f};
        if (i == 0) special = random.below(14);
        if (special >= 7) return gaussian(random);
        return special == 6 || i % 5 == 0 ? kSpecial[special] : gaussian(random) * (special == 4 ? 1e-25f : 1);
      });
      break;
    }
    case 6:
      fill("one element each", [&](size_t row, size_t i) { return i == row % dimensions ? 1.0f + 1e-6f * (row % 3) : 0.0f; });
      break;
    case 7:
      fill("falling spectrum", [&](size_t, size_t i) { return gaussian(random) / (1 + 0.3f * static_cast<float>(i)); });
      break;
    default:
      fill("nearly equal", [&](size_t, size_t i) { return centres[i] * (1 + 1e-6f * random.value()); });
  }
  return corpus;
}
constexpr size_t kKinds = 9;

std::vector<float> make_query(const Corpus& corpus, size_t kind, Random& random) {
  std::vector<float> query(corpus.dimensions);
  const float* const row = corpus.rows.data() + random.below(corpus.count()) * corpus.dimensions;
  for (size_t i = 0; i < corpus.dimensions; ++i) {
    query[i] = kind == 0 ? gaussian(random) : kind == 1 ? row[i] : kind == 2 ? -row[i] : row[i] + 0.2f * gaussian(random);
    if (kind == 4) query[i] *= 3e10f;
  }
  return query;
}

struct Ranking {
  std::vector<uint32_t> indices;
  std::vector<float> scores;
};

Ranking finish(TopKSelector& best, size_t k) {
  Ranking ranking{std::vector<uint32_t>(k), std::vector<float>(k)};
  const size_t count = best.finish(ranking.indices.data(), ranking.scores.data());
  ranking.indices.resize(count);
  ranking.scores.resize(count);
  return ranking;
}

Ranking scan_all(const KernelTable& kernels, Metric metric, const Corpus& corpus, const PreparedQuery& query,
                 const uint32_t* mask, size_t start, size_t end, size_t k) {
  TopKSelector best;
  best.reset(k, metric);
  if (mask == nullptr) top_k_rows(kernels, metric, corpus.view(), query, start, end, best);
  else top_k_considered(kernels, metric, corpus.view(), query, mask, start, end, best);
  return finish(best, k);
}

/** By as many scans as given, which share what they reached and take turns, as threads do. */
Ranking search(const KernelTable& kernels, Metric metric, const Corpus& corpus, const PreparedQuery& query,
               const CodeQuery& code, const uint32_t* mask, size_t start, size_t end, size_t k, size_t scans) {
  const MatrixView view = corpus.view();
  const CertifiedScan::Request request{kernels, metric, view, *corpus.codes, query, code, mask};
  ReachedScore reached;
  reached.start(metric);
  std::vector<CertifiedScan> parts(scans);
  std::vector<TopKSelector> bests(scans);
  for (size_t i = 0; i < scans; ++i) {
    parts[i].reset(k);
    bests[i].reset(k, metric);
  }
  const size_t chunk = scans == 1 ? end - start : 300;
  size_t turn = 0;
  for (size_t row = start; row < end; row += chunk, ++turn)
    parts[turn % scans].scan(request, row, std::min(end, row + chunk), reached, bests[turn % scans]);
  for (size_t i = 0; i < scans; ++i) parts[i].settle(request, reached, bests[i]);
  for (size_t i = 1; i < scans; ++i) bests[0].merge(bests[i]);
  return finish(bests[0], k);
}

/** Of several queries at once, by as many scans of each as given. */
std::vector<Ranking> search_together(const KernelTable& kernels, Metric metric, const Corpus& corpus, const PreparedQuery* queries,
                                     const CodeQuery* codes, size_t query_count, const uint32_t* mask, size_t start, size_t end,
                                     size_t k, size_t scans) {
  const MatrixView view = corpus.view();
  QueryCodes batch;
  batch.prepare(*corpus.codes, codes, query_count);
  std::vector<ReachedScore> reached(query_count);
  std::vector<CertifiedScan> parts(scans * query_count);
  std::vector<TopKSelector> bests(scans * query_count);
  for (ReachedScore& score : reached) score.start(metric);
  for (CertifiedScan& part : parts) part.reset(k);
  for (TopKSelector& best : bests) best.reset(k, metric);
  const auto request_of = [&](size_t q) {
    return CertifiedScan::Request{kernels, metric, view, *corpus.codes, queries[q], codes[q], mask};
  };
  std::vector<int32_t> sums(query_count * RowCodes::kBlock);
  const size_t most = scans == 1 ? RowCodes::kBlock : 100;
  size_t turn = 0;
  for (size_t row = start; row < end; row += most, ++turn) {
    CertifiedScan::Block block;
    block.start = row;
    block.count = std::min(most, end - row);
    corpus.codes->read_whole_fits(row, block.count, &block.fits);
    corpus.codes->sum_whole(kernels, batch, row, block.count, sums.data());
    for (size_t q = 0; q < query_count; ++q) {
      const size_t part = turn % scans * query_count + q;
      parts[part].scan_block(request_of(q), block, batch.terms(q), &sums[q * RowCodes::kBlock], reached[q], bests[part]);
    }
  }
  std::vector<Ranking> rankings;
  for (size_t q = 0; q < query_count; ++q) {
    for (size_t i = 0; i < scans; ++i)
      parts[i * query_count + q].settle(request_of(q), reached[q], bests[i * query_count + q]);
    for (size_t i = 1; i < scans; ++i) bests[q].merge(bests[i * query_count + q]);
    rankings.push_back(finish(bests[q], k));
  }
  return rankings;
}

void compare(Check& check, const Ranking& found, const Ranking& expected, const char* what, size_t k) {
  if (!check.that(found.indices.size() == expected.indices.size(), "%s, k = %zu: %zu rows, not %zu", what, k,
                  found.indices.size(), expected.indices.size()))
    return;
  for (size_t i = 0; i < expected.indices.size(); ++i) {
    if (!check.that(found.indices[i] == expected.indices[i] && is_same(found.scores[i], expected.scores[i]),
                    "%s, k = %zu, place %zu: row %u with %.9g, not row %u with %.9g", what, k, i, found.indices[i],
                    found.scores[i], expected.indices[i], expected.scores[i]))
      return;
  }
}

}  // namespace

void certified_rankings_equal_the_scan(Check& check, const KernelTable& kernels) {
  Random random(20);
  const FlushSubnormals flush;
  for (const size_t dimensions : {3, 100, 128, 384, 771}) {
    for (size_t kind = 0; kind < kKinds; ++kind) {
      for (const size_t count : {1, 9, 300, 2000}) {
        Corpus corpus = make_corpus(kind, count, dimensions, random);
        corpus.prepare(kernels);
        std::vector<uint32_t> mask(mask_words(count));
        for (uint32_t& word : mask) word = static_cast<uint32_t>(random.next() & random.next());
        for (size_t round = 0; round < 6; ++round) {
          const auto values = make_query(corpus, round % 5, random);
          PreparedQuery query;
          query.prepare(kernels, values.data(), dimensions);
          CodeQuery code;
          if (!corpus.codes->prepare(query, &code)) continue;
          constexpr size_t kWanted[] = {1, 10, 50, 400};
          const size_t k = kWanted[random.below(4)];
          const auto metric = static_cast<Metric>(round % 3);
          const uint32_t* const considered = random.below(3) == 0 ? mask.data() : nullptr;
          const size_t start = random.below(2) == 0 ? 0 : random.below(count);
          const size_t scans = 1 + random.below(3);
          const Ranking expected = scan_all(kernels, metric, corpus, query, considered, start, count, k);
          const Ranking found = search(kernels, metric, corpus, query, code, considered, start, count, k, scans);
          compare(check, found, expected, corpus.name, k);
        }
      }
    }
  }
}

void batches_rank_like_single_queries(Check& check, const KernelTable& kernels) {
  Random random(24);
  const FlushSubnormals flush;
  constexpr size_t kMost = 11;
  std::vector<PreparedQuery> queries(kMost);
  // No operator new for its alignment: see AlignedMemory.
  AlignedMemory memory;
  memory.allocate(kMost * sizeof(CodeQuery));
  auto* const codes = memory.as<CodeQuery>();
  for (const size_t dimensions : {3, 100, 384, 771}) {
    for (size_t kind = 0; kind < kKinds; ++kind) {
      for (const size_t count : {1, 9, 700}) {
        Corpus corpus = make_corpus(kind, count, dimensions, random);
        corpus.prepare(kernels);
        std::vector<uint32_t> mask(mask_words(count));
        for (uint32_t& word : mask) word = static_cast<uint32_t>(random.next() & random.next());
        const size_t wanted = 1 + random.below(kMost);
        size_t query_count = 0;
        for (size_t q = 0; q < wanted; ++q) {
          const auto values = make_query(corpus, q % 5, random);
          queries[query_count].prepare(kernels, values.data(), dimensions);
          if (corpus.codes->prepare(queries[query_count], &codes[query_count])) ++query_count;
        }
        if (query_count == 0) continue;
        constexpr size_t kWanted[] = {1, 10, 300};
        const size_t k = kWanted[random.below(3)];
        const auto metric = static_cast<Metric>(random.below(3));
        const uint32_t* const considered = random.below(3) == 0 ? mask.data() : nullptr;
        const size_t start = random.below(2) == 0 ? 0 : random.below(count);
        const size_t scans = 1 + random.below(3);
        const auto found = search_together(kernels, metric, corpus, queries.data(), codes, query_count, considered, start, count,
                                           k, scans);
        for (size_t q = 0; q < query_count; ++q)
          compare(check, found[q], scan_all(kernels, metric, corpus, queries[q], considered, start, count, k), corpus.name, k);
      }
    }
  }
}

void codes_exclude_most_rows(Check& check, const KernelTable& kernels) {
  Random random(23);
  const FlushSubnormals flush;
  constexpr size_t kDimensions = 384;
  constexpr size_t kCount = 4000;
  Corpus corpus = make_corpus(1, kCount, kDimensions, random);
  corpus.prepare(kernels);
  const auto values = make_query(corpus, 3, random);
  PreparedQuery query;
  query.prepare(kernels, values.data(), kDimensions);
  CodeQuery code;
  if (!check.that(corpus.codes->prepare(query, &code), "the query has no code")) return;
  const MatrixView view = corpus.view();
  const CertifiedScan::Request request{kernels, Metric::cosine, view, *corpus.codes, query, code, nullptr};
  ReachedScore reached;
  reached.start(Metric::cosine);
  CertifiedScan scan;
  TopKSelector best;
  scan.reset(10);
  best.reset(10, Metric::cosine);
  scan.scan(request, 0, kCount, reached, best);
  scan.settle(request, reached, best);
  const CertifiedCounts& counts = scan.counts();
  check.that(counts.scanned == kCount, "%zu rows were scanned, not %zu", counts.scanned, kCount);
  check.that(counts.examined < kCount / 2, "%zu rows were examined", counts.examined);
  check.that(counts.rescored >= 10 && counts.rescored < kCount / 10, "%zu rows were scored in float32", counts.rescored);
}

void codes_bound_every_row(Check& check, const KernelTable& kernels) {
  Random random(21);
  const FlushSubnormals flush;
  for (const size_t dimensions : {3, 100, 384, 768}) {
    for (size_t kind = 0; kind < kKinds; ++kind) {
      Corpus corpus = make_corpus(kind, 300, dimensions, random);
      corpus.prepare(kernels);
      for (size_t round = 0; round < 5; ++round) {
        const auto values = make_query(corpus, round, random);
        PreparedQuery query;
        query.prepare(kernels, values.data(), dimensions);
        CodeQuery code;
        if (!corpus.codes->prepare(query, &code)) continue;
        int32_t high[RowCodes::kBlock], low[RowCodes::kBlock];
        float estimates[RowCodes::kBlock], bounds[RowCodes::kBlock];
        corpus.codes->bound(kernels, code, 0, RowCodes::kBlock, high, estimates, bounds);
        corpus.codes->sum_low(kernels, code, size_t{0}, RowCodes::kBlock, low);
        QueryCodes batch;
        RowCodes::WholeFits fits;
        int32_t whole[RowCodes::kBlock];
        float whole_estimates[RowCodes::kBlock], whole_bounds[RowCodes::kBlock];
        if (!check.that(batch.prepare(*corpus.codes, &code, 1), "no memory")) return;
        corpus.codes->read_whole_fits(0, RowCodes::kBlock, &fits);
        corpus.codes->sum_whole(kernels, batch, 0, RowCodes::kBlock, whole);
        kernels.codes.whole_bounds(batch.terms(0), whole, fits.scales, fits.residuals, fits.lengths, RowCodes::kBlock,
                                   whole_estimates, whole_bounds);
        const KeepSubnormals keep;
        for (size_t row = 0; row < RowCodes::kBlock; ++row) {
          const double cosine =
              expected_score(Metric::cosine, values.data(), corpus.rows.data() + row * dimensions, dimensions);
          const auto fine = corpus.codes->bound_of(code, row, high[row], low[row]);
          check.that(!(bounds[row] < cosine), "%s: row %zu of %zu dimensions is bounded by %.9g, but has %.9g", corpus.name,
                     row, dimensions, bounds[row], cosine);
          check.that(!(fine.bound < cosine), "%s: the whole code bounds row %zu by %.9g, but it has %.9g", corpus.name, row,
                     fine.bound, cosine);
          check.that(!(whole_bounds[row] < cosine), "%s: a batch bounds row %zu by %.9g, but it has %.9g", corpus.name, row,
                     whole_bounds[row], cosine);
          // And not by so much that it would exclude nothing.
          check.that(!(whole_bounds[row] > whole_estimates[row] + 0.2f) || fits.residuals[row] > 0.05f,
                     "%s: a batch bounds row %zu by %.9g, and estimates %.9g", corpus.name, row, whole_bounds[row],
                     whole_estimates[row]);
        }
      }
    }
  }
}

void code_sums_are_exact(Check& check, const KernelTable& kernels) {
  Random random(22);
  for (const size_t bytes : {64, 128, 192, 256, 384, 2048}) {
    const size_t rows = 37;
    std::vector<uint8_t> plane(rows * bytes + RowCodes::kPadding);
    std::vector<int8_t> high(2 * bytes), low(2 * bytes);
    for (size_t round = 0; round < 4; ++round) {
      // The largest sums too.
      for (uint8_t& byte : plane) byte = static_cast<uint8_t>(round == 0 ? 255 : random.next());
      for (int8_t& part : high) part = static_cast<int8_t>(round < 2 ? 127 : static_cast<int>(random.below(255)) - 127);
      for (int8_t& part : low) part = static_cast<int8_t>(round < 2 ? 127 : static_cast<int>(random.below(255)) - 127);
      std::vector<uint32_t> chosen(rows);
      for (uint32_t& row : chosen) row = static_cast<uint32_t>(random.below(rows));
      std::vector<int32_t> sums(rows), of_chosen(rows), expected(rows);
      for (size_t row = 0; row < rows; ++row) {
        int64_t sum = 0;
        for (size_t i = 0; i < 2 * bytes; ++i) {
          const uint8_t byte = plane[row * bytes + i / 128 * 64 + i % 64];
          sum += (i % 128 < 64 ? byte & 15 : byte >> 4) * (254 * high[i] + low[i]);
        }
        expected[row] = static_cast<int32_t>(sum);
      }
      kernels.codes.sums(high.data(), low.data(), plane.data(), rows, bytes, sums.data());
      kernels.codes.sums_chosen(high.data(), low.data(), plane.data(), chosen.data(), rows, bytes, of_chosen.data());
      for (size_t row = 0; row < rows; ++row) {
        check.that(sums[row] == expected[row], "row %zu of %zu bytes: %d, not %d", row, bytes, sums[row], expected[row]);
        check.that(of_chosen[row] == expected[chosen[row]], "chosen row %u of %zu bytes: %d, not %d", chosen[row], bytes,
                   of_chosen[row], expected[chosen[row]]);
      }
    }
  }
}

void whole_code_sums_are_exact(Check& check, const KernelTable& kernels) {
  Random random(25);
  constexpr size_t kMostQueries = 9;
  for (const size_t bytes : {64, 128, 192, 384, 2048}) {
    for (const size_t rows : {1, 3, 4, 5, 8, 21}) {
      const size_t dimensions = 2 * bytes;
      std::vector<uint8_t> high(rows * bytes), low(rows * bytes);
      AlignedMemory memory;
      if (!check.that(memory.allocate(kMostQueries * dimensions), "no memory")) return;
      auto* const queries = memory.as<int8_t>();
      for (size_t round = 0; round < 3; ++round) {
        // The largest sums of both signs too.
        const int most = round == 0 ? kMostWholePart : -kMostWholePart;
        for (size_t i = 0; i < rows * bytes; ++i) {
          high[i] = static_cast<uint8_t>(round < 2 ? 255 : random.next());
          low[i] = static_cast<uint8_t>(round < 2 ? 255 : random.next());
        }
        int32_t middles[kMostQueries] = {};
        for (size_t i = 0; i < kMostQueries * dimensions; ++i) {
          const int part = round < 2 ? most : static_cast<int>(random.below(2 * kMostWholePart + 1)) - kMostWholePart;
          queries[i] = static_cast<int8_t>(part);
          middles[i / dimensions] += 128 * part;
        }
        for (size_t count = 1; count <= kMostQueries; ++count) {
          constexpr int32_t kUntouched = 0x7777'7777;
          const size_t stride = rows + 3;
          std::vector<int32_t> sums(kMostQueries * stride + 3, kUntouched);
          kernels.codes.whole_sums(queries, middles, count, high.data(), low.data(), rows, bytes, sums.data(), stride);
          for (size_t q = 0; q < count; ++q) {
            for (size_t row = 0; row < rows; ++row) {
              int64_t sum = 0;
              for (size_t i = 0; i < dimensions; ++i) {
                const size_t at = row * bytes + i / 128 * 64 + i % 64;
                const int code = i % 128 < 64 ? (high[at] & 15) << 4 | (low[at] & 15) : (high[at] & 240) | low[at] >> 4;
                sum += code * queries[q * dimensions + i];
              }
              check.that(sums[q * stride + row] == sum, "row %zu of %zu, query %zu of %zu, %zu bytes: %d, not %lld", row, rows, q,
                         count, bytes, sums[q * stride + row], static_cast<long long>(sum));
            }
          }
          check.that(count * stride >= sums.size() || sums[count * stride] == kUntouched, "there are sums of a query too many");
        }
      }
    }
  }
}

}  // namespace gearshift::tests
