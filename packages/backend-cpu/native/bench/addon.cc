// The bench-only addon: the kernels of the core, one thread, and pure reads of the same memory to hold them against. Never
// shipped. `open(level, rows, dimensions)` makes a workload, `run(workload, task, times)` runs a task of `tasks(workload)`.
#include <node_api.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "bench/read_kernels.h"
#include "core/floating_point_mode.h"
#include "core/scan.h"

namespace gearshift::bench {
namespace {

struct Workload {
  const KernelTable* kernels = nullptr;
  std::vector<float> values;
  std::unique_ptr<ResidentMatrix> resident;
  PreparedQuery query;
  std::vector<float> scores;
  std::vector<float> ascending;  // 0, 1, 2, ...
  TopKSelector best;
  std::vector<uint32_t> indices;
};

struct Task {
  std::string name;
  void (*run)(Workload&, const ReadKernel*);
  const ReadKernel* read = nullptr;
};

std::vector<std::unique_ptr<Workload>> workloads;
volatile float sink;

template <Metric kMetric>
void score_resident(Workload& w, const ReadKernel*) {
  score_rows(*w.kernels, kMetric, w.resident->view(), w.query, 0, w.scores.size(), w.scores.data());
}

void score_on_the_fly(Workload& w, const ReadKernel*) {
  MatrixView view = w.resident->view();
  view.inverse_norms = nullptr;
  score_rows(*w.kernels, Metric::cosine, view, w.query, 0, w.scores.size(), w.scores.data());
}

template <size_t kK>
void rank_resident(Workload& w, const ReadKernel*) {
  float scores[kK];
  w.best.reset(kK, Metric::cosine);
  top_k_rows(*w.kernels, Metric::cosine, w.resident->view(), w.query, 0, w.scores.size(), w.best);
  w.best.finish(w.indices.data(), scores);
  sink = scores[0];
}

/** Scores that only get better, offered without a scan: the worst case of the selection alone. */
template <size_t kK>
void select_ascending(Workload& w, const ReadKernel*) {
  w.best.reset(kK, Metric::dot);
  const size_t rows = w.ascending.size();
  for (size_t row = 0; row < rows; row += TopKSelector::kBlock) {
    const size_t count = rows - row < TopKSelector::kBlock ? rows - row : TopKSelector::kBlock;
    w.best.offer(*w.kernels, w.ascending.data() + row, row, count);
  }
  float scores[kK];
  sink = w.best.finish(w.indices.data(), scores) > 0 ? scores[0] : 0;
}

void read_resident(Workload& w, const ReadKernel* read) {
  const MatrixView view = w.resident->view();
  sink = read->read(static_cast<const float*>(view.rows), view.row_count * view.stride);
}

std::vector<Task> tasks_of(const Workload& w) {
  std::vector<Task> tasks = {{"dot", score_resident<Metric::dot>},
                             {"cosine", score_resident<Metric::cosine>},
                             {"euclidean", score_resident<Metric::euclidean>},
                             {"cosine, norms on the fly", score_on_the_fly},
                             {"top 10", rank_resident<10>},
                             {"top 100", rank_resident<100>},
                             {"select 10, ascending", select_ascending<10>},
                             {"select 100, ascending", select_ascending<100>}};
  const ReadKernel* reads = kPortableReads;
#if defined(GEARSHIFT_HAS_AVX2)
  if (std::strcmp(w.kernels->name, "avx2") == 0) reads = kAvx2Reads;
  if (std::strcmp(w.kernels->name, "avx512") == 0) reads = kAvx512Reads;
#endif
  for (; reads->read != nullptr; ++reads) tasks.push_back({std::string("read, ") + reads->name, read_resident, reads});
  return tasks;
}

std::unique_ptr<Workload> make(const KernelTable& kernels, size_t rows, size_t dimensions) {
  auto w = std::make_unique<Workload>();
  w->kernels = &kernels;
  w->values.resize(rows * dimensions);
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (float& value : w->values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<float>(static_cast<int32_t>(state >> 32)) * 0x1p-31f;
  }
  w->resident = ResidentMatrix::allocate(rows, dimensions);
  if (w->resident == nullptr || !w->query.prepare(kernels, w->values.data() + (rows / 2) * dimensions, dimensions))
    return nullptr;
  w->resident->fill(kernels, w->values.data(), 0, rows);
  w->scores.resize(rows);
  w->ascending.resize(rows);
  std::iota(w->ascending.begin(), w->ascending.end(), 0.0f);
  w->indices.resize(rows < 128 ? 128 : rows);
  return w;
}

// --- The boundary: bench code, called by one suite that passes what it should ----------------------------------------

double number(napi_env env, napi_value value) {
  double result = 0;
  napi_get_value_double(env, value, &result);
  return result;
}

napi_value text(napi_env env, const char* value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &result);
  return result;
}

/** Names of the levels this CPU can run, best first. */
napi_value levels(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  uint32_t next = 0;
  const LevelList all = all_levels();
  for (size_t i = 0; i < all.count; ++i)
    if (all.levels[i].missing[0] == '\0') napi_set_element(env, list, next++, text(env, all.levels[i].kernels->name));
  return list;
}

napi_value open(napi_env env, napi_callback_info info) {
  napi_value args[3];
  size_t count = 3;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  char name[32] = {};
  napi_get_value_string_utf8(env, args[0], name, sizeof name, nullptr);
  napi_value handle = nullptr;
  const LevelList all = all_levels();
  for (size_t i = 0; i < all.count; ++i) {
    if (std::strcmp(all.levels[i].kernels->name, name) != 0) continue;
    const FlushSubnormals flush;
    workloads.push_back(make(*all.levels[i].kernels, static_cast<size_t>(number(env, args[1])),
                             static_cast<size_t>(number(env, args[2]))));
    napi_create_double(env, static_cast<double>(workloads.size() - 1), &handle);
  }
  return handle;
}

napi_value close(napi_env env, napi_callback_info info) {
  napi_value args[1];
  size_t count = 1;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  workloads[static_cast<size_t>(number(env, args[0]))].reset();
  return nullptr;
}

napi_value tasks(napi_env env, napi_callback_info info) {
  napi_value args[1];
  size_t count = 1;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  napi_value list;
  napi_create_array(env, &list);
  uint32_t next = 0;
  for (const Task& task : tasks_of(*workloads[static_cast<size_t>(number(env, args[0]))]))
    napi_set_element(env, list, next++, text(env, task.name.c_str()));
  return list;
}

napi_value run(napi_env env, napi_callback_info info) {
  napi_value args[3];
  size_t count = 3;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  Workload& workload = *workloads[static_cast<size_t>(number(env, args[0]))];
  const Task task = tasks_of(workload)[static_cast<size_t>(number(env, args[1]))];
  const FlushSubnormals flush;
  for (double times = number(env, args[2]); times > 0; --times) task.run(workload, task.read);
  return nullptr;
}

}  // namespace
}  // namespace gearshift::bench

NAPI_MODULE_INIT() {
  using namespace gearshift::bench;
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {{"levels", levels}, {"open", open}, {"close", close}, {"tasks", tasks}, {"run", run}};
  for (const auto& entry : functions) {
    napi_value function;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.function, nullptr, &function);
    napi_set_named_property(env, exports, entry.name, function);
  }
  return exports;
}
