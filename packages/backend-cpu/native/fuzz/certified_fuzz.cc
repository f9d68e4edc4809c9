// Certified search: the rows and the bits of the scan in float32, for rows and queries of any bits.
#include "../tests/certified_corpus.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace gearshift;
  using namespace gearshift::tests;
  fuzz::Input input(bytes, size);
  const KernelTable& kernels = fuzz::choose_level(input);
  const auto metric = static_cast<Metric>(input.byte() % 3);
  const size_t dimensions = 1 + input.below(140);
  const size_t count = 1 + input.below(300);
  const size_t k = 1 + input.byte() % 40;
  const size_t scans = 1 + input.byte() % 3;
  const size_t start = input.byte() % 2 == 0 ? 0 : input.below(count);
  const bool is_masked = input.byte() % 3 == 0;
  std::vector<uint32_t> mask(mask_words(count));
  if (is_masked) for (uint32_t& word : mask) word = input.byte() * 0x01010101u;
  std::vector<float> query_values(dimensions);
  for (float& value : query_values) value = input.number();

  Corpus corpus{"rows", dimensions, input.rows(count, dimensions), {}, nullptr};
  corpus.prepare(kernels);
  if (count % 2 == 1) save_and_open(corpus, count);
  const FlushSubnormals flush;
  PreparedQuery query;
  query.prepare(kernels, query_values.data(), dimensions);
  CodeQuery code;
  if (!corpus.codes->prepare(query, &code)) return 0;
  const uint32_t* const considered = is_masked ? mask.data() : nullptr;
  Check check;
  compare(check, search(kernels, metric, corpus, query, code, considered, start, count, k, scans),
          scan_all(kernels, metric, corpus, query, considered, start, count, k), kernels.name, k);
  fuzz::require(check.failures() == 0, "a ranking from codes is that of the scan");
  return 0;
}
