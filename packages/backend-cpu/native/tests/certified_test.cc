// Rankings from codes of rows against the scan of all rows in float32, and the bounds of the codes against double precision.
#include "certified_corpus.h"
#include "emulated.h"
#include "groups.h"

namespace gearshift::tests {

namespace {

constexpr double kUnit = 0x1p-24;

/** A query that picks one dimension of the rotated rows: its sums are 254 times the half codes of the rows there. */
CodeQuery pick(size_t dimension, float half_unit) {
  CodeQuery query{};
  query.high[dimension] = 1;
  query.terms = {0, half_unit, 0, 1, 0};
  return query;
}

}  // namespace

// The formulas of docs/certified-search.md, "Rounding", term by term.
void bounds_have_the_room_of_the_proof(Check& check, const KernelTable& kernels) {
  Random random(24);
  for (const size_t dimensions : {3, 100, 128, 129, 384, 768, 1024, 4096}) {
    Corpus corpus = make_corpus(0, 40, dimensions, random);
    corpus.prepare(kernels);
    const auto values = make_query(corpus, 0, random);
    PreparedQuery query;
    query.prepare(kernels, values.data(), dimensions);
    CodeQuery code;
    if (!check.that(corpus.codes->prepare(query, &code), "the query has no code")) return;

    const size_t padded = (dimensions + 127) / 128 * 128;
    size_t levels = 0;
    while (padded % (size_t{2} << levels) == 0) ++levels;
    CodeRotation rotation;
    if (!check.that(rotation.prepare(padded), "there is no memory")) return;
    double square = 0;
    for (const float value : values) square += static_cast<double>(value) * value;
    std::vector<double> rotated(padded), scratch(padded);
    for (size_t i = 0; i < dimensions; ++i) rotated[i] = values[i] / std::sqrt(square);
    rotation.apply(rotated.data(), scratch.data());
    double error = 0, coded_square = 0;
    for (size_t i = 0; i < padded; ++i) {
      const double coded = (254 * code.high[i] + code.low[i]) * code.unit;
      error += (rotated[i] - coded) * (rotated[i] - coded);
      coded_square += coded * coded;
    }
    const double of_norm = std::floor(static_cast<double>(dimensions) / 16) + 8;
    const double roundings = 1 + 2 * (static_cast<double>(levels) + 2) + static_cast<double>(padded) / 16 + 20 + 36;
    const double slack = 1.01 * (of_norm + 2.01 * roundings) * kUnit + 2.01 * std::sqrt(error);
    check.that(code.terms.slack >= slack * (1 - 1e-6), "%zu dimensions: a slack of %.9g, not %.9g", dimensions,
               code.terms.slack, slack);
    check.that(code.terms.squared_query >= coded_square * (1 + 23 * kUnit), "%zu dimensions: %.9g is too little for %.9g",
               dimensions, code.terms.squared_query, coded_square);

    const double share = (3 * static_cast<double>(dimensions) / 16 + 63) * kUnit;
    const double norm = std::sqrt(square);
    for (const float inverse_norm : {1.0f, 3.0f, 1e-3f}) {
      const double row_norm = 1 / static_cast<double>(inverse_norm);
      for (const float score : {0.9f, 0.01f, -0.3f}) {
        const double as_cosine = score / (norm * row_norm);
        const CodeLimit of_cosine(Metric::cosine, code, dimensions);
        const CodeLimit of_dot(Metric::dot, code, dimensions);
        check.that(of_cosine.of(score, inverse_norm) <= score - share, "cosine: no room below %g", score);
        check.that(of_dot.of(score, inverse_norm) <= as_cosine - share * (1 + std::fabs(as_cosine)),
                   "dot: no room below %g", score);
        const double floor = score - share * (1 + std::fabs(score));
        check.that(of_cosine.floor(score, &inverse_norm) <= floor, "cosine: no room for a score of less than %g", score);
        check.that(of_dot.floor(score, &inverse_norm) <= norm * row_norm * floor, "dot: no room for less than %g", score);
        const double most_square = (norm * norm + row_norm * row_norm) * (1 + share) - 2 * norm * row_norm * floor;
        check.that(CodeLimit(Metric::euclidean, code, dimensions).floor(score, &inverse_norm) >= std::sqrt(most_square * (1 + share)),
                   "euclidean: no room for more than at %g", score);
      }
      for (const double times : {0.5, 1.0, 1.5}) {
        const auto score = static_cast<float>(times * (norm + row_norm));
        const CodeLimit of_distance(Metric::euclidean, code, dimensions);
        const double reached = static_cast<double>(score) * score * (1 + share);
        const double least = ((norm * norm + row_norm * row_norm) * (1 - share) - reached) / (2 * norm * row_norm);
        check.that(of_distance.of(score, inverse_norm) <= least - share * (1 + std::fabs(least)),
                   "euclidean: no room below %g", score);
      }
    }
  }
}

/** Reads every code back, one dimension at a time, and compares what the codes leave of a row with double precision. */
void residuals_have_the_room_of_the_proof(Check& check, const KernelTable& kernels) {
  Random random(25);
  constexpr size_t kRows = 64;
  for (const size_t dimensions : {100, 128, 2000}) {
    Corpus corpus = make_corpus(0, kRows, dimensions, random);
    corpus.prepare(kernels);
    const size_t padded = (dimensions + 127) / 128 * 128;
    int32_t sums[RowCodes::kBlock];
    float alongs[RowCodes::kBlock], residuals[RowCodes::kBlock], unused[RowCodes::kBlock];
    corpus.codes->bound(kernels, pick(0, 0), 0, kRows, sums, unused, residuals);
    std::vector<std::vector<int>> halves(padded, std::vector<int>(kRows));
    std::vector<double> scales(kRows, 0);
    for (size_t i = 0; i < padded; ++i) {
      corpus.codes->bound(kernels, pick(i, 1), 0, kRows, sums, alongs, unused);
      for (size_t row = 0; row < kRows; ++row) {
        const int half = halves[i][row] = sums[row] / 254;
        if (half > 0) scales[row] = static_cast<double>(alongs[row]) / (2 * sums[row]);
      }
    }
    CodeRotation rotation;
    if (!check.that(rotation.prepare(padded), "there is no memory")) return;
    std::vector<double> mean(dimensions), row_values(padded), scratch(padded);
    for (size_t i = 0; i < dimensions; ++i) {
      std::vector<float> along(dimensions, 0.0f);
      along[i] = 1;
      PreparedQuery query;
      query.prepare(kernels, along.data(), dimensions);
      CodeQuery code;
      if (!check.that(corpus.codes->prepare(query, &code), "the query has no code")) return;
      mean[i] = code.terms.base;
    }
    for (size_t row = 0; row < kRows; ++row) {
      const float* const values = corpus.rows.data() + row * dimensions;
      double square = 0;
      for (size_t i = 0; i < dimensions; ++i) square += static_cast<double>(values[i]) * values[i];
      std::fill(row_values.begin(), row_values.end(), 0.0);
      for (size_t i = 0; i < dimensions; ++i) row_values[i] = values[i] / std::sqrt(square) - mean[i];
      rotation.apply(row_values.data(), scratch.data());
      double rest = 0;
      for (size_t i = 0; i < padded; ++i) {
        const double left = row_values[i] - scales[row] * (halves[i][row] - 7.5);
        rest += left * left;
      }
      rest = std::sqrt(rest);
      // Rounding to nearest is some units, at random; what the proof adds is the worst case.
      const double room = rest * (static_cast<double>(padded) / 16 + 18) * kUnit + 16 * 2.01 * kUnit;
      check.that(residuals[row] - rest > 0.75 * room, "row %zu of %zu dimensions: %.9g is left, %.9g with room, not %.9g", row,
                 dimensions, rest, residuals[row], rest + room);
    }
  }
}

void codes_come_back_from_a_file(Check& check, const KernelTable& kernels) {
  Random random(25);
  for (size_t kind = 0; kind < kKinds; ++kind) {
    const size_t dimensions = kind % 2 == 0 ? 100 : 257;
    Corpus corpus = make_corpus(kind, 900, dimensions, random);
    corpus.prepare(kernels);
    const FlushSubnormals flush;
    const auto values = make_query(corpus, 3, random);
    PreparedQuery query;
    query.prepare(kernels, values.data(), dimensions);
    CodeQuery code;

    SavedCorpus saved = save(corpus, corpus.count());
    const auto opens = [&] { return RowCodes::over(saved.codes, dimensions) != nullptr; };
    check.that(opens() && RowCodes::norms_of(saved.codes) == 1, "%s: saved codes do not open", corpus.name);
    // The layout, the dimensions and the rotation.
    for (size_t i = 0; i < 3 * sizeof(uint32_t); ++i) {
      saved.description[i] ^= 1;
      check.that(!opens(), "%s: codes open with another byte %zu of the description", corpus.name, i);
      saved.description[i] ^= 1;
    }
    --saved.codes.description_bytes;
    check.that(!opens(), "%s: codes open with half a mean", corpus.name);

    save_and_open(corpus, corpus.count() + 50);
    check.that(corpus.codes->is_saved() && !corpus.codes->has_changed(), "%s: the codes are not those of the file", corpus.name);
    for (const size_t rows : {corpus.count(), corpus.count() + 50, corpus.count() + 51}) {
      check.that(corpus.codes->resize(rows), "there is no memory");
      check.that(corpus.codes->is_saved() == (rows <= 950), "%s: codes of %zu rows lie elsewhere", corpus.name, rows);
      if (!check.that(corpus.codes->prepare(query, &code), "the query has no code")) return;
      for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
        const Ranking expected = scan_all(kernels, metric, corpus, query, nullptr, 0, 900, 10);
        const Ranking found = search(kernels, metric, corpus, query, code, nullptr, 0, 900, 10, 1);
        check.that(found.indices == expected.indices, "%s: %zu rows with other best ones", corpus.name, rows);
      }
    }

    // Whatever a file has in place of codes, a search ends with k rows: also if rows have more than their bounds.
    constexpr int kLessThanNothing = 0x40;
    for (const int byte : {0xff, 0x00, 0x7f, kLessThanNothing}) {
      SavedCorpus forged = save(corpus, corpus.count());
      for (size_t part = 0; part < SavedCodes::kNormsPart; ++part) {
        std::memset(forged.codes.parts[part], byte, 900 * SavedCodes::bytes_of_part(part, dimensions));
      }
      if (byte == kLessThanNothing) {
        auto* const fits = reinterpret_cast<CodeFit*>(forged.codes.parts[5]);
        std::fill(fits, fits + 900, CodeFit{0, -1, 1e-30f});
      }
      corpus.codes = RowCodes::over(forged.codes, dimensions);
      if (!check.that(corpus.codes->prepare(query, &code), "the query has no code")) return;
      for (const size_t k : {1, 40, 300}) {
        const Ranking found = search(kernels, Metric::dot, corpus, query, code, nullptr, 0, 900, k, 2);
        bool are_rows = found.indices.size() == k;
        for (const uint32_t row : found.indices) are_rows = are_rows && row < 900;
        check.that(are_rows, "%s: forged codes of bytes %d gave %zu rows of %zu", corpus.name, byte, found.indices.size(), k);
        for (const size_t rows : {900, 901}) {
          // In memory of their own, too.
          check.that(corpus.codes->resize(rows) && corpus.codes->resize(900), "there is no memory");
          const auto together = search_together(kernels, Metric::cosine, corpus, &query, &code, 1, nullptr, 0, 900, k, 2);
          check.that(together[0].indices.size() == k, "%s: forged codes of bytes %d gave a batch %zu rows of %zu", corpus.name, byte,
                     together[0].indices.size(), k);
        }
      }
      corpus.prepare(kernels);
    }
  }
}

void certified_rankings_equal_the_scan(Check& check, const KernelTable& kernels) {
  Random random(20);
  const FlushSubnormals flush;
  // Several blocks of 256 rows, the last one in part, and turns of 300 rows that begin inside of blocks: 700 rows have all of these.
  constexpr size_t kMany = kIsEmulated ? 700 : 2000;
  for (const size_t dimensions : {3, 100, 128, 384, 771}) {
    for (size_t kind = 0; kind < kKinds; ++kind) {
      for (const size_t count : {size_t{1}, size_t{9}, size_t{300}, kMany}) {
        Corpus corpus = make_corpus(kind, count, dimensions, random);
        corpus.prepare(kernels);
        std::vector<uint32_t> mask(mask_words(count));
        for (uint32_t& word : mask) word = static_cast<uint32_t>(random.next() & random.next());
        for (size_t round = 0; round < 12; ++round) {
          if (round == 6) corpus.find_centres(kernels);
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
  constexpr size_t kMost = 19;
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
        if (!check.that(batch.prepare(kernels, *corpus.codes, &code, 1), "no memory")) return;
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

/** Rows are rotated in float32 by the kernels, queries in double precision. */
void rows_are_rotated_like_queries(Check& check, const KernelTable& kernels) {
  Random random(26);
  for (const size_t dimensions : {128, 256, 384, 512, 640, 768, 896, 1024, 2048, 3072, 4096}) {
    CodeRotation rotation;
    AlignedMemory memory;
    if (!check.that(rotation.prepare(dimensions) && memory.allocate(2 * dimensions * sizeof(float)), "there is no memory")) return;
    auto* const row = memory.as<float>();
    std::vector<double> exact(dimensions), scratch(dimensions);
    // Random elements, and one that is not zero.
    for (size_t round = 0; round < 4; ++round) {
      double square = 0;
      for (size_t i = 0; i < dimensions; ++i) {
        row[i] = round < 2 ? random.value() : (i == random.below(dimensions) ? 1.0f : 0.0f);
        exact[i] = row[i];
        square += exact[i] * exact[i];
      }
      rotation.apply(kernels, row, row + dimensions);
      rotation.apply(exact.data(), scratch.data());
      double error = 0, rotated_square = 0;
      for (size_t i = 0; i < dimensions; ++i) {
        error = std::max(error, std::fabs(row[i] - exact[i]));
        rotated_square += exact[i] * exact[i];
      }
      const double most = static_cast<double>(rotation.steps()) * kUnit * std::sqrt(square);
      check.that(error <= most, "%zu dimensions: an error of %g, not of at most %g", dimensions, error, most);
      check.that(std::fabs(rotated_square - square) <= 1e-12 * square, "%zu dimensions: %.15g becomes %.15g", dimensions, square,
                 rotated_square);
    }
  }
}

void rows_have_the_same_codes_at_every_level(Check& check, const KernelTable& kernels) {
  Random random(27);
  const LevelList levels = all_levels();
  const EncodeKernels& portable = levels.levels[levels.count - 1].plain->encoding;
  for (const size_t dimensions : {128, 256, 384, 768, 1024, 4096}) {
    std::vector<float> row(dimensions), signs(dimensions), rotated(dimensions), expected(dimensions);
    std::vector<uint32_t> order(dimensions / kCodeGroup);
    const size_t block = dimensions & (~dimensions + 1);
    for (size_t round = 0; round < 6; ++round) {
      for (size_t i = 0; i < dimensions; ++i) {
        row[i] = random.value() * (round < 4 ? 1.0f : 1e-18f);
        signs[i] = random.below(2) == 0 ? 1.0f : -1.0f;
      }
      if (round == 1) std::fill(row.begin(), row.end(), 0.25f);
      if (round == 2) row[random.below(dimensions)] = 1000;
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(random.below(order.size()));
      kernels.encoding.transform(row.data(), signs.data(), order.data(), dimensions, block, 0.7f, rotated.data());
      portable.transform(row.data(), signs.data(), order.data(), dimensions, block, 0.7f, expected.data());
      check.that(std::memcmp(rotated.data(), expected.data(), dimensions * sizeof(float)) == 0, "%zu dimensions are rotated otherwise",
                 dimensions);
      if (round == 3) row[random.below(dimensions)] = std::numeric_limits<float>::quiet_NaN();
      std::vector<uint8_t> code(dimensions), expected_code(dimensions);
      CodeFitSums found[2], wanted[2];
      kernels.encoding.code(row.data(), dimensions, 2.9f, code.data(), &found[0], &found[1]);
      portable.code(row.data(), dimensions, 2.9f, expected_code.data(), &wanted[0], &wanted[1]);
      // A row with an element that is no number is encoded again before anything relies on its code.
      if (round == 3) continue;
      check.that(code == expected_code && std::memcmp(found, wanted, sizeof found) == 0, "%zu dimensions have another code", dimensions);
      // The sums, one after the other in double precision.
      for (size_t shift : {4, 0}) {
        const double middle = ((256 >> shift) - 1) / 2.0;
        double square = 0, product = 0, rest = 0, row_square = 0;
        const CodeFitSums& sums = found[shift == 4 ? 0 : 1];
        for (size_t i = 0; i < dimensions; ++i) {
          const double step = (code[i] >> shift) - middle;
          square += step * step;
          product += step * row[i];
          row_square += static_cast<double>(row[i]) * row[i];
          rest += (row[i] - sums.scale * step) * (row[i] - sums.scale * step);
        }
        check.that(sums.square == static_cast<float>(square), "%zu dimensions: squares of %.9g, not %.9g", dimensions, sums.square, square);
        check.that(std::fabs(sums.scale * square - product) <= 1e-4 * std::fabs(product) + 1e-30, "%zu dimensions: a product of %.9g, not %.9g",
                   dimensions, sums.scale * square, product);
        check.that(std::fabs(sums.rest - rest) <= 1e-4 * rest + 1e-13 * row_square, "%zu dimensions: %.9g is left, not %.9g", dimensions,
                   sums.rest, rest);
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
  constexpr size_t kMostQueries = 33;
  for (const size_t bytes : {64, 128, 192, 384, 576, 2048}) {
    for (const size_t rows : {1, 3, 4, 5, 8, 16, 21, 33, 48}) {
      const size_t dimensions = 2 * bytes;
      std::vector<uint8_t> high(rows * bytes), low(rows * bytes);
      AlignedMemory memory, laid_out;
      const size_t room = (kMostQueries + kQueriesLaidOut - 1) / kQueriesLaidOut * kQueriesLaidOut;
      if (!check.that(memory.allocate(kMostQueries * dimensions) && laid_out.allocate(room * dimensions), "no memory")) return;
      auto* const queries = memory.as<int8_t>();
      for (size_t round = 0; round < 4; ++round) {
        // The largest sums of both signs too, and products with the least codes, which are large where the middle is taken off.
        const int most_part = kernels.codes.most_part;
        const int most = round == 0 ? most_part : -most_part;
        for (size_t i = 0; i < rows * bytes; ++i) {
          high[i] = static_cast<uint8_t>(round < 2 ? 255 : round == 2 ? 0 : random.next());
          low[i] = static_cast<uint8_t>(round < 2 ? 255 : round == 2 ? 0 : random.next());
        }
        int32_t middles[kMostQueries] = {};
        for (size_t i = 0; i < kMostQueries * dimensions; ++i) {
          const int part = round < 3 ? most : static_cast<int>(random.below(2 * most_part + 1)) - most_part;
          queries[i] = static_cast<int8_t>(part);
          middles[i / dimensions] += 128 * part;
        }
        std::vector<int32_t> expected(kMostQueries * rows);
        std::vector<uint8_t> codes(dimensions);
        for (size_t row = 0; row < rows; ++row) {
          for (size_t i = 0; i < dimensions; ++i) {
            const size_t at = row * bytes + i / 128 * 64 + i % 64;
            const int code = i % 128 < 64 ? (high[at] & 15) << 4 | (low[at] & 15) : (high[at] & 240) | low[at] >> 4;
            codes[i] = static_cast<uint8_t>(code);
          }
          for (size_t q = 0; q < kMostQueries; ++q)
            for (size_t i = 0; i < dimensions; ++i) expected[q * rows + row] += codes[i] * queries[q * dimensions + i];
        }
        for (const size_t count : {1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 32, 33}) {
          constexpr int32_t kUntouched = 0x7777'7777;
          const size_t stride = rows + 3;
          std::vector<int32_t> sums(kMostQueries * stride + 3, kUntouched);
          if (kernels.codes.lay_out_queries != nullptr) {
            kernels.codes.lay_out_queries(queries, count, dimensions, laid_out.as<int8_t>());
            kernels.codes.laid_out_sums(laid_out.as<int8_t>(), count, high.data(), low.data(), rows, bytes, sums.data(), stride);
          } else {
            kernels.codes.whole_sums(queries, middles, count, high.data(), low.data(), rows, bytes, sums.data(), stride);
          }
          for (size_t q = 0; q < count; ++q) {
            for (size_t row = 0; row < rows; ++row) {
              check.that(sums[q * stride + row] == expected[q * rows + row], "row %zu of %zu, query %zu of %zu, %zu bytes: %d, not %d",
                         row, rows, q, count, bytes, sums[q * stride + row], expected[q * rows + row]);
            }
          }
          check.that(count * stride >= sums.size() || sums[count * stride] == kUntouched, "there are sums of a query too many");
        }
      }
    }
  }
}

}  // namespace gearshift::tests
