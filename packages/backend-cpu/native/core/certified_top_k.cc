#include "core/certified_top_k.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/row_mask.h"
#include "core/scan.h"

namespace gearshift {
namespace {

constexpr size_t kBlock = RowCodes::kBlock;
/** Entries behind the list that a filter may write. */
constexpr size_t kMoreSurvivors = 16;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kMostWaiting = 4096;
constexpr size_t kMostLast = 1024;
/** Rows that are scored together once their bounds are sorted: after each group fewer may be left. */
constexpr size_t kTogether = 8;
/** Of those that are left, about as many as are scored in the end. */
constexpr size_t kReadAhead = 64;
/** After so many rows it is decided again how the next ones are bounded. */
constexpr size_t kWindow = 8192;
/** More of a window's rows left by half of the code: reading the whole of it at once takes less time. */
constexpr double kMostLeftByHalf = 0.4;
/** More left by the whole code: the scan in float32 takes less time. */
constexpr double kMostLeftByWhole = 0.5;
/** In float32, before the codes are tried again. */
constexpr size_t kMostPlainWindows = 63;
/** Rows of a block for each that the centres leave: with fewer, reading the codes of all of them takes no longer. */
constexpr size_t kRowsOfEachLeft = 4;

}  // namespace

bool CertifiedScan::reset(size_t k) noexcept {
  static_assert(alignof(Waiting) == alignof(float), "they lie in one memory");
  size_t bytes = 0;  // of scores and floors
  constexpr size_t kFixed = (kMostWaiting + kMostLast + kBlock) * sizeof(Waiting);
  if (!multiply(k, 2 * sizeof(float), &bytes) || bytes > SIZE_MAX - kFixed) return false;
  if (memory_.bytes() < bytes + kFixed && !memory_.allocate(bytes + kFixed)) return false;
  // Last those that the queries of a batch do not use.
  last_ = memory_.as<Waiting>();
  scores_ = {reinterpret_cast<float*>(last_ + kMostLast + kBlock), 0};
  floors_ = {scores_.merits + k, 0};
  waiting_ = reinterpret_cast<Waiting*>(floors_.merits + k);
  k_ = k;
  waiting_count_ = last_count_ = 0;
  recent_rows_ = recent_left_by_half_ = recent_left_by_whole_ = plain_windows_ = plain_left_ = 0;
  way_ = Way::halves;
  counts_ = {};
  return true;
}

/** A call: what it was given, and the steps. */
struct CertifiedScan::Work {
  CertifiedScan& self;
  const Request& request;
  ReachedScore& reached;
  TopKSelector& best;
  const CodeLimit limit{request.metric, request.code, request.matrix.dimensions};

  /** Below this cosine the row is not among the best. A row without a limit has a bound of infinity, or none is known yet. */
  float limit_of(size_t row, float score) const noexcept {
    return limit.of(score, limit.is_same_for_all() ? 1 : request.matrix.inverse_norms[row]);
  }
  bool may_be_best(size_t row, float bound, bool is_known, float score) const noexcept {
    // Written so that a bound that is not a number excludes nothing.
    return !is_known || !(bound < limit_of(row, score));
  }

  float merit_of(float score) const noexcept { return request.metric == Metric::euclidean ? -score : score; }

  /** Scores rows that lie anywhere. */
  void rescore_scattered(const uint32_t* rows, size_t count) noexcept {
    read_ahead(request.matrix, rows, count);
    rescore(rows, count);
  }

  void rescore(const uint32_t* rows, size_t count) noexcept {
    float scores[kBlock];
    score_candidates(request.kernels, request.metric, request.matrix, request.query, rows, count, scores);
    best.offer_indexed(scores, rows, count);
    self.counts_.rescored += count;
    for (size_t i = 0; i < count; ++i) keep_best(self.scores_, scores[i]);
    if (self.scores_.count == self.k_) reached.raise(merit_of(self.scores_.merits[0]));
  }

  void keep_best(Best& kept, float score) const noexcept {
    const float merit = merit_of(score);
    if (merit != merit || (kept.count == self.k_ && merit <= kept.merits[0])) return;
    const std::greater<float> worst_first;
    float* const merits = kept.merits;
    if (kept.count == self.k_) std::pop_heap(merits, merits + kept.count--, worst_first);
    merits[kept.count++] = merit;
    std::push_heap(merits, merits + kept.count, worst_first);
  }

  /**
   * What a row scores at least, by its whole code, raises the limit before the row is read, so that fewer rows are. The estimate lies
   * in the middle between what the cosine does not exceed and what it does not fall short of.
   */
  void raise_by_floor(size_t row, float estimate, float bound) noexcept {
    const double least = 2.0 * estimate - bound;
    // Else the code says nothing.
    if (!(least >= -1)) return;
    keep_best(self.floors_, limit.floor(least, request.matrix.inverse_norms + row));
    if (self.floors_.count == self.k_) reached.raise(merit_of(self.floors_.merits[0]));
  }

  void wait_for_float32(Waiting row) noexcept {
    self.last_[self.last_count_++] = row;
    if (self.last_count_ >= kMostLast) rescore_last();
  }

  /** Scores the rows that wait for float32, the most promising first. */
  void rescore_last() noexcept {
    Waiting* const rows = self.last_;
    const size_t count = keep_possible(rows, self.last_count_);
    self.last_count_ = 0;
    const auto promise_of = [&](const Waiting& row) noexcept {
      return reached.is_known() ? row.bound - limit_of(row.row, reached.score()) : row.bound;
    };
    for (size_t i = 0; i < count; ++i) rows[i].sum = static_cast<int32_t>(i);
    // By the limit of now, which orders the rows of every metric.
    float promises[kMostLast + kBlock];
    for (size_t i = 0; i < count; ++i) {
      const float promise = promise_of(rows[i]);
      promises[i] = promise == promise ? promise : kInfinity;
    }
    std::sort(rows, rows + count,
              [&](const Waiting& a, const Waiting& b) noexcept { return promises[a.sum] > promises[b.sum]; });
    read_most_promising_ahead(rows, count);
    uint32_t together[kTogether];
    for (size_t i = 0; i < count;) {
      const bool is_known = may_exclude();
      const float score = is_known ? reached.score() : 0;
      size_t taken = 0;
      for (; taken < kTogether && i < count; ++i)
        if (may_be_best(rows[i].row, rows[i].bound, is_known, score)) together[taken++] = rows[i].row;
      if (taken > 0) rescore_scattered(together, taken);
    }
  }

  /** Whatever a file has in place of codes, k rows are scored: until then their floors exclude none of those that wait. */
  bool may_exclude() const noexcept {
    const bool lacks_scores = self.floors_.count == self.k_ && self.scores_.count < self.k_;
    return reached.is_known() && !(lacks_scores && request.codes.is_from_file());
  }

  /** Of the rows that wait, those that have not been excluded since; returns how many. */
  size_t keep_possible(Waiting* rows, size_t count) const noexcept {
    if (!may_exclude()) return count;
    const float score = reached.score();
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      const Waiting row = rows[i];
      rows[kept] = row;
      kept += may_be_best(row.row, row.bound, true, score);
    }
    return kept;
  }

  /** Most of these will be scored, so that rows of a file are read at the same time. */
  void read_most_promising_ahead(const Waiting* rows, size_t count) const noexcept {
    uint32_t ahead[kReadAhead];
    const size_t ahead_count = std::min(count, kReadAhead);
    for (size_t i = 0; i < ahead_count; ++i) ahead[i] = rows[i].row;
    read_ahead(request.matrix, ahead, ahead_count);
  }

  void wait_for_low(Waiting row) noexcept {
    self.waiting_[self.waiting_count_++] = row;
    if (self.waiting_count_ == kMostWaiting) examine_waiting();
  }

  /** Bounds the rows that wait by their whole codes. */
  void examine_waiting() noexcept {
    Waiting* const rows = self.waiting_;
    const size_t count = self.waiting_count_;
    self.waiting_count_ = 0;
    for (size_t first = 0; first < count;) {
      uint32_t numbers[kBlock];
      Waiting left[kBlock];
      int32_t low_sums[kBlock];
      size_t taken = 0;
      const bool is_known = reached.is_known();
      const float score = is_known ? reached.score() : 0;
      for (; taken < kBlock && first < count; ++first) {
        if (!may_be_best(rows[first].row, rows[first].bound, is_known, score)) continue;
        left[taken] = rows[first];
        numbers[taken++] = rows[first].row;
      }
      request.codes.sum_low(request.kernels, request.code, numbers, taken, low_sums);
      self.counts_.examined += taken;
      for (size_t i = 0; i < taken; ++i) {
        const auto bounded = request.codes.bound_of(request.code, left[i].row, left[i].sum, low_sums[i]);
        if (may_be_best(left[i].row, bounded.bound, is_known, score)) wait_for_float32({left[i].row, 0, bounded.bound});
      }
    }
  }

  /** Puts as many rows of a block first as `kept` lacks, and a few more, because estimates are not scores: those that promise most. */
  size_t put_best_first(const Best& kept, const float* estimates, uint32_t* rows, size_t count) const noexcept {
    constexpr size_t kMore = 6;
    const size_t wanted = std::min(count, self.k_ - kept.count + kMore);
    // Codes of a file may give estimates that are not numbers, which have no order.
    float promises[kBlock];
    for (size_t i = 0; i < count; ++i) {
      const float estimate = estimates[rows[i]];
      promises[rows[i]] = estimate == estimate ? estimate : kInfinity;
    }
    std::nth_element(rows, rows + (wanted - 1), rows + count,
                     [&](uint32_t a, uint32_t b) noexcept { return promises[a] > promises[b]; });
    return wanted;
  }

  /** Scores the rows of a block that promise most, until k rows have a score. Takes them out of `rows`; returns how many are left. */
  size_t begin_with_best(size_t start, const float* estimates, uint32_t* rows, size_t count) noexcept {
    const size_t wanted = put_best_first(self.scores_, estimates, rows, count);
    uint32_t numbers[kBlock];
    for (size_t i = 0; i < wanted; ++i) numbers[i] = static_cast<uint32_t>(start + rows[i]);
    rescore_scattered(numbers, wanted);
    std::copy(rows + wanted, rows + count, rows);
    return count - wanted;
  }

  bool is_considered(size_t row) const noexcept {
    return request.mask == nullptr || (request.mask[row / kMaskBits] >> row % kMaskBits & 1) != 0;
  }

  size_t count_considered(size_t start, size_t count) const noexcept {
    return request.mask == nullptr ? count : count_rows(request.mask, start, start + count);
  }

  /** Keeps of `count` places those of considered rows; returns how many. */
  size_t keep_considered(size_t start, uint32_t* places, size_t count) const noexcept {
    if (request.mask == nullptr) return count;
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t place = places[i];
      places[kept] = place;
      kept += is_considered(start + place);
    }
    return kept;
  }

  void scan_block(size_t start, size_t count) noexcept {
    const size_t considered = count_considered(start, count);
    if (considered == 0) return;
    self.counts_.scanned += considered;
    if (request.code.has_centres && reached.is_known() && scan_by_centres(start, count)) return;
    uint32_t places[kBlock + kMoreSurvivors];
    if (self.way_ == Way::plain) {
      score_plain(start, count, considered, places);
    } else {
      int32_t sums[kBlock];
      float estimates[kBlock];
      float bounds[kBlock];
      request.codes.bound(request.kernels, request.code, start, count, sums, estimates, bounds);
      const bool begins = !reached.is_known();
      size_t left = begins ? begin(start, count, estimates, places) : list_possible(start, count, bounds, places);
      self.recent_left_by_half_ += left;
      // Of a few rows, the other halves are read one by one.
      const bool is_whole = self.way_ == Way::whole && reached.is_known() && left > count / 4;
      if (is_whole) {
        self.counts_.examined += considered;
        self.counts_.whole += considered;
        bound_by_whole(start, count, sums, estimates, bounds);
        left = list_possible(start, count, bounds, places);
        self.recent_left_by_whole_ += left;
      }
      score_or_wait(start, {sums, estimates, bounds}, places, left, is_whole);
    }
    end_block(considered);
  }

  void scan_whole_block(const Block& block, const WholeCodeTerms& terms, const int32_t* sums) noexcept {
    const size_t start = block.start;
    const size_t count = block.count;
    const size_t considered = count_considered(start, count);
    if (considered == 0) return;
    self.counts_.scanned += considered;
    uint32_t places[kBlock + kMoreSurvivors];
    if (self.way_ == Way::plain) {
      score_plain(start, count, considered, places);
    } else {
      self.way_ = Way::whole;
      self.counts_.examined += considered;
      float estimates[kBlock];
      float bounds[kBlock];
      request.kernels.codes.whole_bounds(terms, sums, block.fits.scales, block.fits.residuals, block.fits.lengths, count,
                                         estimates, bounds);
      const size_t left = reached.is_known() ? list_possible(start, count, bounds, places)
                                             : begin_with_floors(start, count, estimates, places);
      self.recent_left_by_half_ += left;
      self.recent_left_by_whole_ += left;
      bound_closely_or_wait(start, {nullptr, estimates, bounds}, places, left);
    }
    end_block(considered);
  }

  /** Of a block that the centres leave few rows of, reads the codes of these alone. False: they leave too many. */
  bool scan_by_centres(size_t start, size_t count) noexcept {
    float bounds[kBlock];
    uint32_t rows[kBlock + kMoreSurvivors];
    request.codes.centres()->bound(request.code, start, count, bounds);
    const size_t left = list_possible(start, count, bounds, rows);
    if (left > count / kRowsOfEachLeft) return false;
    if (left == 0) return true;
    for (size_t i = 0; i < left; ++i) rows[i] += static_cast<uint32_t>(start);
    int32_t sums[kBlock];
    float estimates[kBlock];
    request.codes.bound_chosen(request.kernels, request.code, rows, left, sums, estimates, bounds);
    const float score = reached.score();
    uint32_t now[kBlock];
    size_t now_count = 0;
    for (size_t i = 0; i < left; ++i) {
      if (!may_be_best(rows[i], bounds[i], true, score)) continue;
      if (estimates[i] >= limit_of(rows[i], score)) now[now_count++] = rows[i];
      else wait_for_low({rows[i], sums[i], bounds[i]});
    }
    if (now_count > 0) rescore_scattered(now, now_count);
    return true;
  }

  /** Scores all rows of a block without a bound. */
  void score_plain(size_t start, size_t count, size_t considered, uint32_t* places) noexcept {
    self.counts_.plain += considered;
    list_all(places, count);
    score_all(start, places, keep_considered(start, places, count));
  }

  /** Scores the best of a block, before there is a limit; lists the others and returns how many. */
  size_t begin(size_t start, size_t count, const float* estimates, uint32_t* places) noexcept {
    list_all(places, count);
    return begin_with_best(start, estimates, places, keep_considered(start, places, count));
  }

  void end_block(size_t considered) noexcept {
    self.recent_rows_ += considered;
    if (self.recent_rows_ >= kWindow) choose_way();
  }

  static void list_all(uint32_t* places, size_t count) noexcept {
    for (size_t i = 0; i < count; ++i) places[i] = static_cast<uint32_t>(i);
  }

  /** Lists the considered rows that may be among the best; returns how many. */
  size_t list_possible(size_t start, size_t count, const float* bounds, uint32_t* places) const noexcept {
    const float score = reached.score();
    float margins[kBlock];
    float least = 0;
    if (limit.is_same_for_all()) {
      least = limit.of(score, 0);
    } else {
      request.kernels.codes.limits(limit.terms(score), request.matrix.inverse_norms + start, count, margins);
      for (size_t i = 0; i < count; ++i) {
        // Of a row without a code, the limit is not a number.
        const float margin = bounds[i] - margins[i];
        margins[i] = margin == margin ? margin : kInfinity;
      }
      bounds = margins;
    }
    // Those that reach it, too: a little lower is right as well.
    least -= std::fabs(least) * 0x1p-20f + 0x1p-80f;
    return keep_considered(start, places, request.kernels.above_f32(bounds, count, least, places));
  }

  struct Bounds {
    const int32_t* sums;
    const float* estimates;
    const float* bounds;
  };

  /** Rows with an estimate that would do are scored at once, which raises the limit for the others. */
  void score_or_wait(size_t start, const Bounds& block, const uint32_t* places, size_t count, bool is_whole) noexcept {
    const bool is_known = reached.is_known();
    const float score = is_known ? reached.score() : 0;
    uint32_t now[kBlock];
    size_t now_count = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t place = places[i];
      const auto row = static_cast<uint32_t>(start + place);
      if (is_known && block.estimates[place] >= limit_of(row, score)) now[now_count++] = row;
      else if (is_whole) wait_for_float32({row, 0, block.bounds[place]});
      else wait_for_low({row, block.sums[place], block.bounds[place]});
    }
    if (now_count > 0) rescore_scattered(now, now_count);
  }

  /** Finds a limit by the rows of a block that promise most; lists the others, and returns how many. */
  size_t begin_with_floors(size_t start, size_t count, const float* estimates, uint32_t* places) noexcept {
    list_all(places, count);
    const size_t listed = keep_considered(start, places, count);
    const size_t first = put_best_first(self.floors_, estimates, places, listed);
    bound_closely(start, places, first);
    std::copy(places + first, places + listed, places);
    return listed - first;
  }

  /** Rows with an estimate that would do are bounded closely at once, which raises the limit for the others. */
  void bound_closely_or_wait(size_t start, const Bounds& block, const uint32_t* places, size_t count) noexcept {
    const bool is_known = reached.is_known();
    const float score = is_known ? reached.score() : 0;
    uint32_t now[kBlock];
    size_t now_count = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t place = places[i];
      const auto row = static_cast<uint32_t>(start + place);
      const float least = is_known ? limit_of(row, score) : 0;
      if (is_known && block.estimates[place] >= least) now[now_count++] = places[i];
      else wait_for_float32({row, 0, block.bounds[place]});
    }
    bound_closely(start, now, now_count);
  }

  /** By the query's own code, which has more bits than in a batch, while the codes of the rows are near. */
  void bound_closely(size_t start, const uint32_t* places, size_t count) noexcept {
    uint32_t rows[kBlock];
    float estimates[kBlock];
    float bounds[kBlock];
    if (count == 0) return;
    for (size_t i = 0; i < count; ++i) rows[i] = static_cast<uint32_t>(start + places[i]);
    request.codes.bound_whole(request.kernels, request.code, rows, count, estimates, bounds);
    for (size_t i = 0; i < count; ++i) {
      if (reached.is_known() && !may_be_best(rows[i], bounds[i], true, reached.score())) continue;
      raise_by_floor(rows[i], estimates[i], bounds[i]);
      wait_for_float32({rows[i], 0, bounds[i]});
    }
  }

  void bound_by_whole(size_t start, size_t count, const int32_t* high_sums, float* estimates, float* bounds) noexcept {
    int32_t low_sums[kBlock];
    request.codes.sum_low(request.kernels, request.code, start, count, low_sums);
    for (size_t i = 0; i < count; ++i) {
      const auto bounded = request.codes.bound_of(request.code, start + i, high_sums[i], low_sums[i]);
      estimates[i] = bounded.estimate;
      bounds[i] = bounded.bound;
    }
  }

  void score_all(size_t start, const uint32_t* places, size_t count) noexcept {
    uint32_t rows[kBlock];
    for (size_t i = 0; i < count; ++i) rows[i] = static_cast<uint32_t>(start + places[i]);
    rescore(rows, count);
  }

  /** From what the bounds have left of the last rows. A scan in float32 tells nothing, so the next window is bounded again. */
  void choose_way() noexcept {
    const auto share = [&](size_t left) noexcept {
      return static_cast<double>(left) / static_cast<double>(self.recent_rows_);
    };
    const bool is_much_left = self.way_ != Way::plain && share(self.recent_left_by_half_) > kMostLeftByHalf;
    const bool is_most_left = self.way_ == Way::whole && share(self.recent_left_by_whole_) > kMostLeftByWhole;
    self.plain_windows_ = is_most_left ? std::min(2 * self.plain_windows_ + 1, kMostPlainWindows) : self.plain_windows_;
    if (is_most_left) self.way_ = Way::plain;
    else if (self.way_ == Way::plain) self.way_ = --self.plain_left_ > 0 ? Way::plain : Way::whole;
    else self.way_ = is_much_left ? Way::whole : Way::halves;
    if (is_most_left) self.plain_left_ = self.plain_windows_;
    self.recent_rows_ = self.recent_left_by_half_ = self.recent_left_by_whole_ = 0;
  }
};

void CertifiedScan::scan(const Request& request, size_t start, size_t end, ReachedScore& reached,
                         TopKSelector& best) noexcept {
  Work work{*this, request, reached, best};
  for (size_t row = start; row < end; row += kBlock) work.scan_block(row, std::min(kBlock, end - row));
}

void CertifiedScan::scan_block(const Request& request, const Block& block, const WholeCodeTerms& terms, const int32_t* sums,
                               ReachedScore& reached, TopKSelector& best) noexcept {
  Work work{*this, request, reached, best};
  work.scan_whole_block(block, terms, sums);
}

void CertifiedScan::settle(const Request& request, ReachedScore& reached, TopKSelector& best) noexcept {
  Work work{*this, request, reached, best};
  work.examine_waiting();
  work.rescore_last();
}

}  // namespace gearshift
