// Centres of rows with codes: the bounds by them against double precision, and when there are any.
#include "certified_corpus.h"
#include "emulated.h"
#include "groups.h"

namespace gearshift::tests {

namespace {

constexpr double kUnit = 0x1p-24;

/** A row as its code says, from both planes. */
std::vector<double> coded_row(const RowCodes& codes, size_t row) {
  const size_t dimensions = codes.coded_dimensions();
  std::vector<uint8_t> code(dimensions);
  RowCodes::join(codes.high_of(row), codes.low_of(row), dimensions / 2, code.data());
  std::vector<double> values(dimensions);
  for (size_t i = 0; i < dimensions; ++i) values[i] = static_cast<double>(codes.whole_fit(row).scale) * (code[i] - 127.5);
  return values;
}

/** The first centres, one dimension at a time: with such a query, the number of a centre is its element there, rounded up. */
std::vector<std::vector<double>> read_centres(const KernelTable& kernels, const RowCodes& codes, size_t count) {
  const size_t dimensions = codes.coded_dimensions();
  std::vector<std::vector<double>> centres(count, std::vector<double>(dimensions));
  CodeQuery query{};
  query.unit = 1.0 / 254;
  query.sum = 254;
  for (size_t i = 0; i < dimensions; ++i) {
    query.high[i] = 1;
    codes.centres()->prepare(kernels, &query);
    for (size_t c = 0; c < count; ++c) centres[c][i] = static_cast<double>(query.centres[c]) - 0x1p-20;
    query.high[i] = 0;
  }
  return centres;
}

/** The distances of rows from their centres, as bound() adds them. */
std::vector<float> read_distances(const RowCodes& codes, size_t count) {
  const CodeQuery query{};
  std::vector<float> distances(count);
  codes.centres()->bound(query, 0, count, distances.data());
  return distances;
}

/** The number of a row's centre. */
size_t number_of(const RowCodes& codes, size_t row) {
  CodeQuery query{};
  const float distance = codes.centres()->bound_of(query, row);
  for (size_t c = 0; c < RowCentres::kMostCentres; ++c) {
    query.centres[c] = 1000;
    const bool is_found = codes.centres()->bound_of(query, row) > distance + 500;
    query.centres[c] = 0;
    if (is_found) return c;
  }
  return RowCentres::kMostCentres;
}

void check_bounds(Check& check, const KernelTable& kernels, const Corpus& corpus, const std::vector<float>& values) {
  PreparedQuery query;
  query.prepare(kernels, values.data(), corpus.dimensions);
  CodeQuery code;
  if (!corpus.codes->prepare(query, &code)) return;
  check.that(!code.has_centres, "a query has centres before they were prepared");
  corpus.codes->centres()->prepare(kernels, &code);
  std::vector<float> bounds(corpus.count());
  corpus.codes->centres()->bound(code, 0, corpus.count(), bounds.data());
  const KeepSubnormals keep;
  for (size_t row = 0; row < corpus.count(); ++row) {
    const double cosine =
        expected_score(Metric::cosine, values.data(), corpus.rows.data() + row * corpus.dimensions, corpus.dimensions);
    check.that(!(bounds[row] < cosine), "%s: row %zu of %zu dimensions is bounded by %.9g, but has %.9g", corpus.name, row,
               corpus.dimensions, bounds[row], cosine);
    check.that(is_same(bounds[row], corpus.codes->centres()->bound_of(code, row)), "row %zu has two bounds", row);
  }
}

/** Clusters of random directions, with so much noise. */
Corpus make_clustered(size_t count, size_t dimensions, size_t clusters, float noise, Random& random) {
  Corpus corpus{"clustered", dimensions, std::vector<float>(count * dimensions), {}, nullptr};
  std::vector<float> centres(clusters * dimensions);
  for (float& value : centres) value = gaussian(random);
  for (size_t row = 0; row < count; ++row) {
    const size_t centre = random.below(clusters);
    for (size_t i = 0; i < dimensions; ++i)
      corpus.rows[row * dimensions + i] = centres[centre * dimensions + i] + noise * gaussian(random);
  }
  return corpus;
}

}  // namespace

void centres_bound_every_row(Check& check, const KernelTable& kernels) {
  Random random(30);
  const FlushSubnormals flush;
  for (const size_t dimensions : {3, 100, 384, 768}) {
    for (size_t kind = 0; kind < kKinds; ++kind) {
      Corpus corpus = make_corpus(kind, 300, dimensions, random);
      corpus.prepare(kernels);
      check.that(corpus.codes->centres() == nullptr, "there are centres before they were looked for");
      corpus.find_centres(kernels);
      if (!check.that(corpus.codes->centres() != nullptr, "there are no centres")) return;
      for (size_t round = 0; round < 5; ++round) check_bounds(check, kernels, corpus, make_query(corpus, round, random));
    }
  }
}

// The formulas of docs/certified-search.md, "Centres", term by term.
void centres_have_the_room_of_the_proof(Check& check, const KernelTable& kernels) {
  Random random(31);
  constexpr size_t kRows = 192;
  constexpr size_t kCentres = kRows / 64;
  for (const size_t dimensions : {100, 384, 2000}) {
    Corpus corpus = make_corpus(dimensions == 384 ? 1 : 0, kRows, dimensions, random);
    corpus.prepare(kernels);
    corpus.find_centres(kernels);
    const RowCodes& codes = *corpus.codes;
    if (!check.that(codes.centres() != nullptr, "there are no centres")) return;
    const auto centres = read_centres(kernels, codes, kCentres);
    const auto distances = read_distances(codes, kRows);
    for (size_t row = 0; row < kRows; ++row) {
      const size_t number = number_of(codes, row);
      if (!check.that(number < kCentres, "row %zu has the centre %zu", row, number)) return;
      const auto values = coded_row(codes, row);
      double square = 0;
      for (size_t i = 0; i < values.size(); ++i) square += (values[i] - centres[number][i]) * (values[i] - centres[number][i]);
      const double least = std::sqrt(square) + codes.whole_fit(row).residual;
      // What was read of the centres is wrong by 2^-25 for elements up to 1.
      const double read = std::sqrt(static_cast<double>(values.size())) * 0x1p-28;
      check.that(distances[row] > least + 0x1p-23 - read, "row %zu of %zu dimensions: at a distance of %.9g, not %.9g", row, dimensions,
                 distances[row], least);
      check.that(distances[row] < least + 0x1p-20 + read, "row %zu of %zu dimensions: at %.9g, which is too far for %.9g", row,
                 dimensions, distances[row], least);
    }
    const auto values = make_query(corpus, 3, random);
    PreparedQuery query;
    query.prepare(kernels, values.data(), dimensions);
    CodeQuery code;
    if (!check.that(codes.prepare(query, &code), "the query has no code")) return;
    codes.centres()->prepare(kernels, &code);
    for (size_t c = 0; c < kCentres; ++c) {
      double product = 0, square = 0;
      for (size_t i = 0; i < centres[c].size(); ++i) {
        product += (254 * code.high[i] + code.low[i]) * code.unit * centres[c][i];
        square += centres[c][i] * centres[c][i];
      }
      const double least = code.terms.base + product + code.terms.slack;
      check.that(code.centres[c] > least + 12 * kUnit, "centre %zu of %zu dimensions: %.9g has no room above %.9g", c, dimensions,
                 code.centres[c], least);
      check.that(code.centres[c] < least + 24 * kUnit, "centre %zu of %zu dimensions: %.9g is too much for %.9g", c, dimensions,
                 code.centres[c], least);
      check.that(std::sqrt(square) < 2.01, "centre %zu has the length %g", c, std::sqrt(square));
    }
  }
}

void centres_exclude_most_rows(Check& check, const KernelTable& kernels) {
  Random random(32);
  const FlushSubnormals flush;
  constexpr size_t kDimensions = 384;
  constexpr size_t kCount = 6000;
  Corpus corpus = make_clustered(kCount, kDimensions, 20, 0.7f, random);
  corpus.prepare(kernels);
  corpus.find_centres(kernels);
  const auto values = make_query(corpus, 3, random);
  PreparedQuery query;
  query.prepare(kernels, values.data(), kDimensions);
  CodeQuery code;
  if (!check.that(corpus.codes->prepare(query, &code) && corpus.codes->centres() != nullptr, "there are no centres")) return;
  corpus.codes->centres()->prepare(kernels, &code);
  for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
    const MatrixView view = corpus.view();
    const CertifiedScan::Request request{kernels, metric, view, *corpus.codes, query, code, nullptr};
    ReachedScore reached;
    reached.start(metric);
    CertifiedScan scan;
    TopKSelector best;
    scan.reset(10);
    best.reset(10, metric);
    check.that(share_left(request, 0, kCount, reached) == 1, "rows are excluded without a limit");
    const size_t scored = find_first_limit(request, 10, 0, kCount, reached);
    check.that(scored >= 10 && scored <= 16, "%zu rows were scored first", scored);
    if (!check.that(reached.is_known(), "no limit is known")) return;
    // The first rows are good ones, but no better than the best.
    const Ranking expected = scan_all(kernels, metric, corpus, query, nullptr, 0, kCount, 10);
    const float worst = expected.scores[9];
    check.that(metric == Metric::euclidean ? reached.score() >= worst : reached.score() <= worst,
               "the limit belongs to %g, but the tenth row has %g", reached.score(), worst);
    const double share = share_left(request, 0, kCount, reached);
    if (metric == Metric::cosine) check.that(share < 0.25, "a share of %g of the rows is left", share);
    scan.reset(10);
    scan.scan(request, 0, kCount, reached, best);
    scan.settle(request, reached, best);
    check.that(scan.counts().scanned == kCount, "%zu rows were scanned", scan.counts().scanned);
    check.that(scan.counts().rescored < kCount / 10, "%zu rows were scored in float32", scan.counts().rescored);
    compare(check, finish(best, 10), expected, "clustered", 10);
  }
}

/** The sample decides; the same codes have the same centres; and pieces are many. */
void centres_are_kept_where_they_pay(Check& check, const KernelTable& kernels) {
  Random random(33);
  const FlushSubnormals flush;
  constexpr size_t kDimensions = 256;
  constexpr size_t kCount = 4000;
  for (const bool is_clustered : {true, false}) {
    Corpus corpus = is_clustered ? make_clustered(kCount, kDimensions, 15, 0.5f, random) : make_corpus(0, kCount, kDimensions, random);
    corpus.prepare(kernels);
    check.that(!corpus.codes->find_centres(kernels), "centres of few rows are looked for");
    const auto centres = RowCentres::allocate(kCount, kDimensions, CentreUse::where_they_pay);
    if (!check.that(centres != nullptr, "there is no memory")) return;
    size_t pieces = 1;
    while (centres->advance(kernels, *corpus.codes)) ++pieces;
    check.that(centres->are_ready() == is_clustered, "centres of %s rows are %s", corpus.name,
               is_clustered ? "refused" : "kept");
    check.that(pieces > 30, "there were %zu pieces", pieces);
    if (!is_clustered) continue;
    corpus.find_centres(kernels);
    std::vector<float> first(kCount), second(kCount);
    CodeQuery query{};
    for (size_t c = 0; c < RowCentres::kMostCentres; ++c) query.centres[c] = static_cast<float>(c);
    centres->bound(query, 0, kCount, first.data());
    corpus.codes->centres()->bound(query, 0, kCount, second.data());
    check.that(first == second, "the same codes have other centres");
    const double bytes = RowCentres::bytes_of(300'000, kDimensions);
    check.that(bytes > 300'000 * 10.0 && bytes < 300'000 * 16.0, "centres of 300,000 rows take %g bytes", bytes);
    check.that(corpus.codes->centres()->bytes() > kCount * 10, "centres take %zu bytes", corpus.codes->centres()->bytes());
  }
}

/** Rows are changed, appended and removed while centres are looked for, and after that. */
void centres_follow_changes(Check& check, const KernelTable& kernels) {
  Random random(34);
  const FlushSubnormals flush;
  constexpr size_t kDimensions = 200;
  const auto encode = [&](Corpus& corpus, size_t start, size_t end) {
    inverse_norms_of(kernels, corpus.rows.data() + start * kDimensions, {}, kDimensions, end - start, kDimensions,
                     corpus.inverse_norms.data() + start);
    corpus.codes->encode(kernels, corpus.view(), start, end);
    corpus.codes->assign_centres(kernels, start, end);
  };
  size_t changed = 0;  // a row
  const auto change = [&](Corpus& corpus) {
    for (size_t i = 0; i < 5; ++i) {
      changed = random.below(corpus.count());
      // Another row of another cluster, or a row of none.
      const float* const like = corpus.rows.data() + random.below(corpus.count()) * kDimensions;
      const float share = i % 2 == 0 ? 1.0f : 0.0f;
      for (size_t j = 0; j < kDimensions; ++j)
        corpus.rows[changed * kDimensions + j] = share * like[j] + (1.1f - share) * gaussian(random);
      encode(corpus, changed, changed + 1);
    }
  };
  const auto query_near_changed = [&](const Corpus& corpus) {
    const float* const row = corpus.rows.data() + std::min(changed, corpus.count() - 1) * kDimensions;
    std::vector<float> query(row, row + kDimensions);
    for (float& value : query) value += 0.1f * gaussian(random);
    return query;
  };
  const auto resize = [&](Corpus& corpus, size_t count) {
    const size_t before = corpus.count();
    corpus.rows.resize(count * kDimensions);
    for (size_t i = before * kDimensions; i < corpus.rows.size(); ++i) corpus.rows[i] = gaussian(random);
    corpus.inverse_norms.resize(count);
    if (!check.that(corpus.codes->resize(count), "there is no memory")) return;
    if (count > before) encode(corpus, before, count);
  };
  const auto rank = [&](Corpus& corpus) {
    for (const auto metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
      const auto values = query_near_changed(corpus);
      PreparedQuery query;
      query.prepare(kernels, values.data(), kDimensions);
      CodeQuery code;
      if (!check.that(corpus.codes->prepare(query, &code), "the query has no code")) return;
      const size_t count = corpus.count();
      compare(check, search(kernels, metric, corpus, query, code, nullptr, 0, count, 10, 1),
              scan_all(kernels, metric, corpus, query, nullptr, 0, count, 10), "changed", 10);
    }
  };
  // Where the search for centres is when rows change. An odd step has even and odd numbers: those of more rows and of fewer ones.
  constexpr size_t kSets = 50;
  constexpr size_t kStep = kIsEmulated ? 7 : 1;
  size_t incomplete = 0;
  size_t sets = 0;
  for (size_t pieces = 0; pieces < kSets; pieces += kStep, ++sets) {
    Corpus corpus = make_clustered(1200, kDimensions, 12, 0.5f, random);
    corpus.prepare(kernels);
    bool is_more = true;
    for (size_t i = 0; is_more && i < pieces; ++i) is_more = corpus.codes->find_centres(kernels, CentreUse::always);
    incomplete += is_more;
    resize(corpus, pieces % 2 == 0 ? 1700 : 900);
    change(corpus);
    rank(corpus);
    if (is_more && random.below(2) == 0) corpus.codes->find_centres(kernels, CentreUse::always);
    change(corpus);
    corpus.find_centres(kernels);
    if (!check.that(corpus.codes->centres() != nullptr, "there are no centres")) return;
    check_bounds(check, kernels, corpus, query_near_changed(corpus));
    rank(corpus);
    resize(corpus, 700);
    change(corpus);
    rank(corpus);
    resize(corpus, 4000);
    change(corpus);
    check_bounds(check, kernels, corpus, query_near_changed(corpus));
    rank(corpus);
    resize(corpus, 0);
    resize(corpus, 40);
    check_bounds(check, kernels, corpus, query_near_changed(corpus));
    rank(corpus);
  }
  check.that(incomplete > 20 / kStep && incomplete < sets, "%zu of %zu sets had centres in the making", incomplete, sets);
}

}  // namespace gearshift::tests
