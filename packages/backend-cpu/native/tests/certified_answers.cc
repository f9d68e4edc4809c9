// certified_answers SEED SMALL LARGE [LEVEL...]: so many rankings from codes against those of the scan in float32, of sets of up to 2,000
// rows and of 100,000, at every level or those named: all metrics, kinds of sets, k, filters and ranges, by one to three threads or with other
// queries, after rows were changed, appended and removed; half of the sets have centres. Prints the seed of each set with a wrong answer, and the numbers of answers; exits with 1 when one was
// wrong, with 2 for wrong arguments.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "certified_corpus.h"
#include "dispatch/kernel_table.h"

namespace {

using namespace gearshift;
using namespace gearshift::tests;

constexpr size_t kManyRows = 100'000;

/** By threads that take blocks of rows as they come, as the pool's do. */
Ranking search_with_threads(const CertifiedScan::Request& request, size_t start, size_t end, size_t k, size_t threads) {
  ReachedScore reached;
  reached.start(request.metric);
  std::vector<CertifiedScan> parts(threads);
  std::vector<TopKSelector> bests(threads);
  if (request.code.has_centres) find_first_limit(request, k, start, end, reached);
  std::atomic<size_t> next{start};
  const size_t chunk = std::max<size_t>(256, (end - start) / 16);
  const auto work = [&](size_t thread) {
    const FlushSubnormals flush;
    parts[thread].reset(k);
    bests[thread].reset(k, request.metric);
    for (size_t row; (row = next.fetch_add(chunk)) < end;)
      parts[thread].scan(request, row, std::min(end, row + chunk), reached, bests[thread]);
    parts[thread].settle(request, reached, bests[thread]);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& other : others) other.join();
  for (size_t i = 1; i < threads; ++i) bests[0].merge(bests[i]);
  return finish(bests[0], k);
}

void encode(const KernelTable& kernels, Corpus& corpus, size_t start, size_t end) {
  const size_t at = start * corpus.dimensions;
  inverse_norms_of(kernels, corpus.rows.data() + at, {}, corpus.dimensions, end - start, corpus.dimensions,
                   corpus.inverse_norms.data() + start);
  corpus.codes->encode(kernels, corpus.view(), start, end);
  corpus.codes->assign_centres(kernels, start, end);
}

/** Changes, appends or removes rows, some of which become what others are. Codes may lie in the memory of a file from then on. */
void change(const KernelTable& kernels, Corpus& corpus, Random& random) {
  const FlushSubnormals flush;
  if (random.below(4) == 0) save_and_open(corpus, corpus.count() + random.below(2) * random.below(100));
  const size_t dimensions = corpus.dimensions;
  const size_t count = corpus.count();
  const auto row_like = [&](float* row) {
    const float* const other = corpus.rows.data() + random.below(count) * dimensions;
    const float turn = random.below(3) == 0 ? -1.0f : 1.0f;
    for (size_t i = 0; i < dimensions; ++i) row[i] = turn * other[i] + (random.below(2) == 0 ? 0 : 0.01f * random.value());
  };
  if (random.below(3) == 0) {
    const size_t grown = count + 1 + random.below(count);
    std::vector<float> added((grown - count) * dimensions);
    for (size_t at = 0; at < added.size(); at += dimensions) row_like(added.data() + at);
    corpus.rows.insert(corpus.rows.end(), added.begin(), added.end());
    corpus.inverse_norms.resize(grown);
    if (!corpus.codes->resize(grown)) std::abort();
    encode(kernels, corpus, count, grown);
  } else if (count > 1 && random.below(2) == 0) {
    const size_t left = 1 + random.below(count - 1);
    corpus.rows.resize(left * dimensions);
    corpus.inverse_norms.resize(left);
    if (!corpus.codes->resize(left)) std::abort();
  } else {
    for (size_t changes = 1 + random.below(5); changes > 0; --changes) {
      const size_t row = random.below(count);
      row_like(corpus.rows.data() + row * dimensions);
      encode(kernels, corpus, row, row + 1);
    }
  }
}

/** A few queries, those with a code. */
class Batch {
 public:
  static constexpr size_t kMost = 40;

  Batch() : queries_(kMost) {
    if (!memory_.allocate(kMost * sizeof(CodeQuery))) std::abort();
  }

  void make(const KernelTable& kernels, const Corpus& corpus, Random& random) {
    count_ = 0;
    for (size_t wanted = 2 + random.below(random.below(4) == 0 ? kMost - 1 : 4); wanted > 0; --wanted) {
      const auto values = make_query(corpus, random.below(5), random);
      queries_[count_].prepare(kernels, values.data(), corpus.dimensions);
      count_ += corpus.codes->prepare(queries_[count_], &memory_.as<CodeQuery>()[count_]);
    }
  }

  size_t count() const { return count_; }
  const PreparedQuery* queries() const { return queries_.data(); }
  const CodeQuery* codes() const { return memory_.as<CodeQuery>(); }

 private:
  std::vector<PreparedQuery> queries_;
  AlignedMemory memory_;  // no operator new for its alignment
  size_t count_ = 0;
};

struct Totals {
  size_t answers = 0;
  size_t scans = 0;  // queries without a code
  Check check;
};

/** Answers for one set of rows; returns how many. */
void answer(const KernelTable& kernels, uint64_t seed, size_t rows, size_t answers, Totals& totals) {
  Random random(seed);
  const size_t kind = random.below(kKinds);
  const bool is_large = rows >= kManyRows;
  constexpr size_t kDimensions[] = {3, 16, 64, 100, 128, 200, 257, 384};
  const size_t dimensions = kDimensions[is_large ? 3 + random.below(2) : random.below(8)];
  Corpus corpus = make_corpus(kind, rows, dimensions, random);
  corpus.prepare(kernels);
  const FlushSubnormals flush;
  if (random.below(2) == 0) corpus.find_centres(kernels);
  const size_t failures_before = totals.check.failures();
  Batch batch;
  for (size_t round = 0; round < answers; ++round) {
    if (!is_large && random.below(4) == 0) change(kernels, corpus, random);
    const size_t count = corpus.count();
    std::vector<uint32_t> mask(mask_words(count));
    const bool is_masked = random.below(3) == 0;
    if (is_masked) for (uint32_t& word : mask) word = static_cast<uint32_t>(random.next() & random.next());
    constexpr size_t kWanted[] = {1, 2, 10, 50, 100, 400};
    const size_t k = kWanted[random.below(6)];
    const auto metric = static_cast<Metric>(random.below(3));
    const size_t start = random.below(2) == 0 ? 0 : random.below(count);
    const uint32_t* const considered = is_masked ? mask.data() : nullptr;
    if (random.below(is_large ? 16 : 4) == 0) {
      batch.make(kernels, corpus, random);
      const auto found = search_together(kernels, metric, corpus, batch.queries(), batch.codes(), batch.count(), considered, start,
                                         count, k, 1 + random.below(3));
      for (size_t q = 0; q < batch.count(); ++q) {
        compare(totals.check, found[q], scan_all(kernels, metric, corpus, batch.queries()[q], considered, start, count, k),
                corpus.name, k);
      }
      totals.answers += batch.count();
      continue;
    }
    const auto values = make_query(corpus, random.below(5), random);
    PreparedQuery query;
    query.prepare(kernels, values.data(), dimensions);
    CodeQuery code;
    if (!corpus.codes->prepare(query, &code)) {
      ++totals.scans;
      continue;
    }
    const size_t threads = random.below(is_large ? 2 : 16) == 0 ? 2 + random.below(2) : 1;
    if (corpus.codes->centres() != nullptr) corpus.codes->centres()->prepare(kernels, &code);
    const MatrixView view = corpus.view();
    const CertifiedScan::Request request{kernels, metric, view, *corpus.codes, query, code, considered};
    const Ranking expected = scan_all(kernels, metric, corpus, query, considered, start, count, k);
    compare(totals.check, search_with_threads(request, start, count, k, threads), expected, corpus.name, k);
    ++totals.answers;
  }
  if (totals.check.failures() > failures_before) {
    std::printf("wrong at level %s: seed %llu, %zu %s rows of %zu\n", kernels.name, static_cast<unsigned long long>(seed), rows,
                corpus.name, dimensions);
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 4) {
    std::printf("usage: certified_answers SEED SMALL LARGE [LEVEL...]\n");
    return 2;
  }
  Random seeds(std::strtoull(arguments[1], nullptr, 10));
  const size_t small = std::strtoull(arguments[2], nullptr, 10);
  const size_t large = std::strtoull(arguments[3], nullptr, 10);
  std::vector<const KernelTable*> levels;
  const LevelList list = all_levels();
  for (size_t i = 0; i < list.count; ++i) {
    const Level& level = list.levels[i];
    bool is_wanted = argument_count == 4;
    for (int j = 4; j < argument_count; ++j) is_wanted |= std::strcmp(arguments[j], level.kernels->name) == 0;
    if (!is_wanted || level.missing[0] != '\0') continue;
    // And what CPUs with newer instructions run.
    levels.push_back(level.plain);
    for (size_t v = 0; v < level.variant_count; ++v)
      if (level.variants[v].can_run) levels.push_back(&level.variants[v].kernels);
  }
  if (levels.empty()) {
    std::printf("none of these levels can run here\n");
    return 2;
  }
  Totals few, many;
  constexpr size_t kAnswersOfSet = 40;
  for (size_t turn = 0; few.answers < small; ++turn)
    answer(*levels[turn % levels.size()], seeds.next(), 1 + seeds.below(2000), kAnswersOfSet, few);
  for (size_t turn = 0; many.answers < large; ++turn)
    answer(*levels[turn % levels.size()], seeds.next(), kManyRows, kAnswersOfSet, many);
  const size_t wrong = few.check.failures() + many.check.failures();
  std::printf("%zu answers, %zu of them of %zu rows, %zu sets of kernels: %zu wrong\n", few.answers + many.answers, many.answers, kManyRows,
              levels.size(), wrong);
  return wrong == 0 ? 0 : 1;
}
