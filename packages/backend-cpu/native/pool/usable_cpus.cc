#include "pool/usable_cpus.h"

#include <algorithm>

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#else
#include <thread>
#endif

namespace gearshift {

#if defined(__linux__)
namespace {

constexpr double kUnlimited = 1e9;

unsigned count_affinity() noexcept {
  // Kernels built for more than 1024 CPUs refuse the fixed-size set, so grow until it fits.
  for (int capacity = 1024; capacity <= 1 << 20; capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool read = sched_getaffinity(0, bytes, set) == 0;
    const int count = read ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return static_cast<unsigned>(count);
  }
  return static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

double read_v2_limit(const char* folder) noexcept {
  char path[4300];
  std::snprintf(path, sizeof path, "%s/cpu.max", folder);
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return kUnlimited;
  char line[64];
  char* rest = std::fgets(line, sizeof line, file);
  std::fclose(file);
  if (rest == nullptr) return kUnlimited;
  // Not scanf, which is another symbol in every other glibc. "max 100000" has no quota.
  const double quota = std::strtod(rest, &rest);
  const double period = std::strtod(rest, &rest);
  return quota > 0 && period > 0 ? quota / period : kUnlimited;
}

double read_number(const char* folder, const char* name) noexcept {
  char path[4300];
  std::snprintf(path, sizeof path, "%s/%s", folder, name);
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return -1;
  char line[64];
  const char* const read = std::fgets(line, sizeof line, file);
  std::fclose(file);
  return read == nullptr ? -1 : std::strtod(line, nullptr);
}

double read_v1_limit(const char* folder) noexcept {
  const double quota = read_number(folder, "cpu.cfs_quota_us");
  const double period = read_number(folder, "cpu.cfs_period_us");
  return quota > 0 && period > 0 ? quota / period : kUnlimited;
}

/** The tightest limit on the way from the process's own group up to the root: each level may set one. */
double tightest_limit(const char* root, const char* group, double (*read)(const char*)) noexcept {
  char folder[4200];
  std::snprintf(folder, sizeof folder, "%s%s", root, group);
  double limit = kUnlimited;
  const size_t root_length = std::strlen(root);
  for (;;) {
    limit = std::min(limit, read(folder));
    char* slash = std::strrchr(folder, '/');
    if (slash == nullptr || static_cast<size_t>(slash - folder) < root_length) return limit;
    *slash = '\0';
  }
}

bool lists_cpu_controller(const char* controllers) noexcept {
  for (const char* name = controllers; name != nullptr; name = std::strchr(name, ',')) {
    if (*name == ',') ++name;
    if (std::strncmp(name, "cpu", 3) == 0 && (name[3] == '\0' || name[3] == ',')) return true;
  }
  return false;
}

double read_bandwidth_limit() noexcept {
  std::FILE* file = std::fopen("/proc/self/cgroup", "re");
  if (file == nullptr) return kUnlimited;
  double limit = kUnlimited;
  char line[4096];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    line[std::strcspn(line, "\n")] = '\0';
    char* controllers = std::strchr(line, ':');  // hierarchy:controllers:group
    char* group = controllers == nullptr ? nullptr : std::strchr(controllers + 1, ':');
    if (group == nullptr) continue;
    *group++ = '\0';
    ++controllers;
    if (*controllers == '\0') {
      limit = std::min(limit, tightest_limit("/sys/fs/cgroup", group, read_v2_limit));
    } else if (lists_cpu_controller(controllers)) {
      limit = std::min(limit, tightest_limit("/sys/fs/cgroup/cpu", group, read_v1_limit));
    }
  }
  std::fclose(file);
  return limit;
}

}  // namespace

UsableCpus read_usable_cpus() noexcept {
  const unsigned affinity = count_affinity();
  const double limit = read_bandwidth_limit();
  // Rounded down: one thread too many uses the quota up early and then every thread stands still.
  const auto whole = static_cast<unsigned>(std::clamp(limit, 1.0, static_cast<double>(affinity)));
  return {whole, limit < kUnlimited};
}

#else

UsableCpus read_usable_cpus() noexcept { return {std::max(1u, std::thread::hardware_concurrency()), false}; }

#endif

}  // namespace gearshift
