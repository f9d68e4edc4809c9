#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "check.h"
#include "core/certified_top_k.h"
#include "core/first_limit.h"
#include "core/floating_point_mode.h"
#include "core/inverse_norm.h"
#include "core/query_codes.h"
#include "core/row_codes.h"
#include "core/row_mask.h"
#include "core/scan.h"
#include "oracle.h"
#include "random_values.h"

// Sets of rows that are hard for the bound of codes, and their rankings from codes and from the scan in float32.

namespace gearshift::tests {

/** Rows with what a scan and codes need of them. */
struct Corpus {
  const char* name;
  size_t dimensions;
  std::vector<float> rows;
  std::vector<float> inverse_norms;
  std::unique_ptr<RowCodes> codes;
  AlignedMemory file{};  // that the codes lie in once they were saved

  size_t count() const { return rows.size() / dimensions; }
  MatrixView view() const { return {rows.data(), {}, dimensions, count(), dimensions, inverse_norms.data()}; }

  void prepare(const KernelTable& kernels) {
    inverse_norms.resize(count());
    const FlushSubnormals flush;
    inverse_norms_of(kernels, rows.data(), {}, dimensions, count(), dimensions, inverse_norms.data());
    codes = RowCodes::allocate(count(), dimensions);
    codes->choose_mean(view());
    codes->encode(kernels, view(), 0, count());
  }

  /** Gives it centres, which a matrix of so few rows has for tests alone. */
  void find_centres(const KernelTable& kernels) {
    while (codes->find_centres(kernels, CentreUse::always)) {
    }
  }
};

/** What a file has of the codes of a corpus, in memory with room for `capacity` rows. */
struct SavedCorpus {
  AlignedMemory memory;
  std::vector<uint8_t> description;
  SavedCodes codes;
};

inline SavedCorpus save(const Corpus& corpus, size_t capacity) {
  SavedCorpus saved;
  size_t offsets[SavedCodes::kParts];
  size_t bytes = 0;
  for (size_t part = 0; part < SavedCodes::kParts; ++part) {
    offsets[part] = bytes;
    const size_t part_bytes = capacity * SavedCodes::bytes_of_part(part, corpus.dimensions) + RowCodes::kPadding;
    bytes += (part_bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  if (!saved.memory.allocate(bytes)) std::abort();
  std::memset(saved.memory.as<uint8_t>(), 0, bytes);
  for (size_t part = 0; part < SavedCodes::kParts; ++part) {
    uint8_t* const to = saved.codes.parts[part] = saved.memory.as<uint8_t>() + offsets[part];
    if (part != SavedCodes::kNormsPart) corpus.codes->copy_part(part, 0, corpus.count(), to);
    else std::memcpy(to, corpus.inverse_norms.data(), corpus.count() * sizeof(float));
  }
  saved.description.resize(RowCodes::description_bytes(corpus.dimensions));
  corpus.codes->describe(1, saved.description.data());
  saved.codes.row_count = corpus.count();
  saved.codes.capacity = capacity;
  saved.codes.description = saved.description.data();
  saved.codes.description_bytes = saved.description.size();
  return saved;
}

/** Has the codes of a corpus go to the memory of a file. */
inline void save_and_open(Corpus& corpus, size_t capacity) {
  SavedCorpus saved = save(corpus, capacity);
  auto opened = RowCodes::over(saved.codes, corpus.dimensions);
  if (opened == nullptr) std::abort();
  corpus.codes = std::move(opened);
  corpus.file = std::move(saved.memory);
}

inline float gaussian(Random& random) {
  float sum = 0;
  for (int i = 0; i < 6; ++i) sum += random.value();
  return sum * 0.7f;
}

/** A set of rows that is hard for a bound in one way or another. */
inline Corpus make_corpus(size_t kind, size_t count, size_t dimensions, Random& random) {
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
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        constexpr float kSpecial[] = {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 1e30f, 1e-30f, 1e-42f, 0.0f};
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
inline constexpr size_t kKinds = 9;

inline std::vector<float> make_query(const Corpus& corpus, size_t kind, Random& random) {
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

inline Ranking finish(TopKSelector& best, size_t k) {
  Ranking ranking{std::vector<uint32_t>(k), std::vector<float>(k)};
  const size_t count = best.finish(ranking.indices.data(), ranking.scores.data());
  ranking.indices.resize(count);
  ranking.scores.resize(count);
  return ranking;
}

inline Ranking scan_all(const KernelTable& kernels, Metric metric, const Corpus& corpus, const PreparedQuery& query,
                 const uint32_t* mask, size_t start, size_t end, size_t k) {
  TopKSelector best;
  best.reset(k, metric);
  if (mask == nullptr) top_k_rows(kernels, metric, corpus.view(), query, start, end, best);
  else top_k_considered(kernels, metric, corpus.view(), query, mask, start, end, best);
  return finish(best, k);
}

/** By as many scans as given, which share what they reached and take turns, as threads do. By centres if there are any. */
inline Ranking search(const KernelTable& kernels, Metric metric, const Corpus& corpus, const PreparedQuery& query,
               CodeQuery& code, const uint32_t* mask, size_t start, size_t end, size_t k, size_t scans) {
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
  if (corpus.codes->centres() != nullptr) {
    corpus.codes->centres()->prepare(kernels, &code);
    find_first_limit(request, k, start, end, reached);
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
inline std::vector<Ranking> search_together(const KernelTable& kernels, Metric metric, const Corpus& corpus, const PreparedQuery* queries,
                                     const CodeQuery* codes, size_t query_count, const uint32_t* mask, size_t start, size_t end,
                                     size_t k, size_t scans) {
  const MatrixView view = corpus.view();
  QueryCodes batch;
  batch.prepare(kernels, *corpus.codes, codes, query_count);
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

inline void compare(Check& check, const Ranking& found, const Ranking& expected, const char* what, size_t k) {
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

}  // namespace gearshift::tests
