// certified ROUNDS SEED: rankings by bounds from fewer bits beside rankings by a scan of all rows in float32, on data that is hard on
// bounds: near duplicates, ties, rows and queries of very different lengths, zeros, NaN, infinities, rows with one large element.
//
// Both must be the same to the bit. Prints one line of JSON with how many queries the bounds were enough for, by form and kind of
// data; the exit status is 1 when anything differs.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "device/lane_store.h"
#include "operations/certified_selection.h"
#include "scenario.h"

namespace cuda_tests {
namespace {

enum Kind { kPlain, kClustered, kNearDuplicates, kLengths, kSpecial, kSpikes, kKinds };
constexpr const char* kKindNames[kKinds] = {"plain", "clustered", "nearDuplicates", "lengths", "special", "spikes"};
enum Form { kTf32, kFloat16, kInt8, kForms };
constexpr const char* kFormNames[kForms] = {"tf32", "float16", "int8"};

struct Counts {
  long tried = 0;
  long certain = 0;
};

float normal(Random& random) {
  float sum = 0;
  for (int i = 0; i < 4; ++i) sum += random.value();
  return sum;
}

std::vector<float> make_values(Random& random, Kind kind, size_t rows, size_t dimensions) {
  std::vector<float> values(rows * dimensions);
  std::vector<float> centre(dimensions);
  for (float& value : centre) value = normal(random);
  for (size_t row = 0; row < rows; ++row) {
    float* own = values.data() + row * dimensions;
    if (kind == kClustered && row % 50 == 0) for (float& value : centre) value = normal(random);
    const float spread = kind == kNearDuplicates ? 1e-4f : 0.3f;
    const float length = kind == kLengths ? std::ldexp(1.0f, static_cast<int>(random.below(60)) - 30) : 1.0f;
    for (size_t i = 0; i < dimensions; ++i) {
      const bool is_near = kind == kClustered || kind == kNearDuplicates;
      own[i] = (is_near ? centre[i] + spread * normal(random) : normal(random)) * length;
    }
    if (kind == kNearDuplicates && row > 0 && random.below(4) == 0) std::memcpy(own, own - dimensions, dimensions * sizeof(float));
    if (kind == kSpikes) own[random.below(static_cast<uint32_t>(dimensions))] = 200.0f * normal(random);
    if (kind == kSpecial) {
      switch (random.below(100)) {
        case 0: std::fill_n(own, dimensions, 0.0f); break;
        case 1: own[random.below(static_cast<uint32_t>(dimensions))] = std::numeric_limits<float>::quiet_NaN(); break;
        case 2: own[0] = std::numeric_limits<float>::infinity(); break;
        case 3: for (size_t i = 0; i < dimensions; ++i) own[i] *= 1e-30f; break;
        case 4: for (size_t i = 0; i < dimensions; ++i) own[i] *= 1e25f; break;
        case 5: own[0] = 1e-44f; break;
        default: break;
      }
    }
  }
  return values;
}

Outcome rank(const DeviceRef& device, const Scan& scan, size_t k, std::vector<uint32_t>* indices, std::vector<float>* scores) {
  indices->assign(scan.query_count * k, 0);
  scores->assign(scan.query_count * k, 0);
  BorrowedLane lane(*device);
  if (!lane.outcome().ok()) return lane.outcome();
  Run run{*lane, nullptr, {}};
  return run_on_lane(run, [&](Run& own) { return top_k(own, scan, k, indices->data(), scores->data()); });
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Round {
  Kind kind;
  Form form;
  Metric metric;
  size_t rows, dimensions, queries, k;
};

/** What is wrong, or an empty text. */
std::string try_round(const DeviceRef& device, Random& random, const Round& round, Counts* counts) {
  const std::vector<float> values = make_values(random, round.kind, round.rows, round.dimensions);
  std::vector<float> queries(round.queries * round.dimensions);
  for (size_t q = 0; q < round.queries; ++q) {
    // Some are rows, which makes the best score a tie or nearly one.
    const float* row = values.data() + random.below(static_cast<uint32_t>(round.rows)) * round.dimensions;
    const bool is_row = random.below(3) == 0;
    for (size_t i = 0; i < round.dimensions; ++i) queries[q * round.dimensions + i] = is_row ? row[i] : normal(random);
  }
  const auto companion = round.form == kFloat16 ? Companion::float16 : round.form == kInt8 ? Companion::int8 : Companion::none;
  SharedOperand matrix(device, OperandKey{OperandKind::matrix, 1, 1, {round.rows, round.dimensions}}, companion);
  UploadTime to_the_end;
  to_the_end.may_wait = true;
  bool finished = false;
  Outcome outcome = matrix.allocate();
  if (outcome.ok()) outcome = matrix.advance_matrix(values.data(), values.size(), to_the_end, &finished);
  const size_t start = random.below(40);
  Scan scan{&matrix.matrix, 0, start, round.rows - random.below(40), nullptr, 0, false, queries.data(), round.queries, round.metric};
  std::vector<uint32_t> words;
  if (random.below(2) == 0) {
    // Most rows: enough for bounds.
    words.assign(scan.word_count(), 0);
    for (size_t row = scan.start; row < scan.end; ++row) {
      if (random.below(8) == 0) continue;
      const size_t bit = scan.first_bit() + row - scan.start;
      words[bit / 32] |= 1u << bit % 32;
      ++scan.rows_in_words;
    }
    scan.words = words.data();
  }
  if (outcome.ok() && !CertifiedSelection::choose(*device, scan, round.k).has_value()) return "no bounds are used";
  std::vector<uint32_t> found, expected;
  std::vector<float> found_scores, expected_scores;
  const uint32_t tried_before = matrix.matrix.record->tried();
  if (outcome.ok()) outcome = rank(device, scan, round.k, &found, &found_scores);
  const long tried = matrix.matrix.record->tried() - tried_before;
  counts->tried += tried;
  counts->certain += tried - matrix.matrix.record->failed();
  // From here on bounds count as useless.
  matrix.matrix.record->note(0, 1u << 20);
  if (outcome.ok()) outcome = rank(device, scan, round.k, &expected, &expected_scores);
  if (!outcome.ok()) return std::string("a call of the driver failed: ") + (outcome.call == nullptr ? "none" : outcome.call);
  if (found != expected) return "the rows differ";
  return same_bits(found_scores, expected_scores) ? "" : "the scores differ";
}

/** The pace that a device learns from a scan of half of the rows must be that of their work. Needs a device that has learned nothing. */
std::string try_pace(const DeviceRef& device) {
  constexpr size_t kRows = 200'000;
  DeviceMatrix matrix;
  matrix.rows = kRows;
  matrix.dimensions = 64;
  const uint32_t words[1] = {};  // never read
  Scan scan{&matrix, 0, 0, kRows, nullptr, 0, false, nullptr, 1, Metric::dot};
  scan.words = words;
  scan.rows_in_words = kRows / 2;
  BorrowedLane lane(*device);
  if (!lane.outcome().ok()) return "there is no lane";
  Run run{*lane, nullptr, {}};
  ScanLauncher(run, scan).learn({0, 1, 0, kRows}, 1.0);
  Pace expected;
  expected.learn(static_cast<double>(matrix.dimensions * kRows / 2), 1.0);
  return device->scan_pace().items_per_launch(1) == expected.items_per_launch(1) ? "" : "the pace of a scan with a row set is wrong";
}

}  // namespace
}  // namespace cuda_tests

int main(int count, char** arguments) {
  using namespace cuda_tests;
  if (count != 3) {
    std::fprintf(stderr, "usage: certified ROUNDS SEED\n");
    return 2;
  }
  const uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
  Random random(seed);
  Counts counts[kForms][kKinds];
  long different = 0;
  auto opened = Device::open(*find_driver().driver, 0, 30'000);
  if (opened.device == nullptr) {
    std::fprintf(stderr, "no device: %s\n", opened.reason.c_str());
    return 2;
  }
  const DeviceRef device = std::move(opened.device);
  if (const std::string wrong = try_pace(device); !wrong.empty()) {
    ++different;
    std::printf("%s\n", wrong.c_str());
  }
  for (long i = 0; i < std::atol(arguments[1]); ++i) {
    Round round{};
    round.kind = static_cast<Kind>(i / kForms % kKinds);
    round.form = static_cast<Form>(i % kForms);
    round.metric = static_cast<Metric>(random.below(3));
    round.k = 1 + random.below(round.form == kInt8 ? 100 : 12);
    const size_t selected = round.form == kInt8 ? kSelectMostK : 64 + 2 * round.k;
    round.rows = 5 * selected + 80 + random.below(200);
    round.dimensions = 1 + random.below(random.below(2) == 0 ? 70 : 20);
    round.queries = round.form == kInt8    ? 1 + random.below(kQueryGroup)
                    : round.form == kTf32 ? kQueryGroup + 1 + random.below(random.below(2) == 0 ? 70 : 8)
                                          : 1 + random.below(random.below(2) == 0 ? 70 : 16);
    const std::string wrong = try_round(device, random, round, &counts[round.form][round.kind]);
    if (wrong.empty()) continue;
    ++different;
    std::printf("round %ld, %s, %s, metric %u, %zu rows x %zu, %zu queries, k %zu: %s\n", i, kFormNames[round.form],
                kKindNames[round.kind], static_cast<unsigned>(round.metric), round.rows, round.dimensions, round.queries, round.k,
                wrong.c_str());
  }
  std::printf("{\"different\":%ld,\"seed\":%llu", different, static_cast<unsigned long long>(seed));
  for (int form = 0; form < kForms; ++form) {
    std::printf(",\"%s\":{", kFormNames[form]);
    for (int kind = 0; kind < kKinds; ++kind) {
      const Counts& own = counts[form][kind];
      std::printf("%s\"%s\":[%ld,%ld]", kind == 0 ? "" : ",", kKindNames[kind], own.certain, own.tried);
    }
    std::printf("}");
  }
  std::printf("}\n");
  return different == 0 ? 0 : 1;
}
