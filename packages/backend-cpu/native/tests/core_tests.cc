// Runs the tests of kernels/, dispatch/ and core/ for the levels named as arguments, or for every level that this CPU can
// run. Prints a line for each group and the totals; exits with 1 when a group failed, with 2 for a level it does not have.
#include <cstdio>
#include <cstring>

#include "groups.h"

namespace {

using namespace gearshift;
using namespace gearshift::tests;

struct Group {
  const char* name;
  void (*run)(Check&, const KernelTable&);
  bool is_of_codes = false;  // runs again for kernels of codes that only some CPUs of a level have
};

constexpr Group kGroups[] = {
    {"kernels agree with f64", kernels_agree_with_f64},
    {"queries together have the bits of each", queries_together_have_the_bits_of_each},
    {"elements have their exact values", elements_have_their_exact_values},
    {"kernels finish scores", kernels_finish_scores},
    {"filters find what is better", filters_find_what_is_better},
    {"scores agree with f64", scores_agree_with_f64},
    {"scores have the same bits everywhere", scores_have_the_same_bits_everywhere},
    {"scores do not depend on other queries", scores_do_not_depend_on_other_queries},
    {"masks choose rows", masks_choose_rows},
    {"special values follow the rule", special_values_follow_the_rule},
    {"selection equals a full sort", selection_equals_a_full_sort},
    {"selections merge", selections_merge},
    {"top-k ranks rows", top_k_ranks_rows},
    {"rows are rotated like queries", rows_are_rotated_like_queries},
    {"rows have the same codes at every level", rows_have_the_same_codes_at_every_level},
    {"code sums are exact", code_sums_are_exact, true},
    {"codes bound every row", codes_bound_every_row, true},
    {"bounds have the room of the proof", bounds_have_the_room_of_the_proof, true},
    {"residuals have the room of the proof", residuals_have_the_room_of_the_proof, true},
    {"codes exclude most rows", codes_exclude_most_rows, true},
    {"whole code sums are exact", whole_code_sums_are_exact, true},
    {"batches rank like single queries", batches_rank_like_single_queries, true},
    {"codes come back from a file", codes_come_back_from_a_file, true},
    {"certified rankings equal the scan", certified_rankings_equal_the_scan, true},
    {"centres bound every row", centres_bound_every_row, true},
    {"centres have the room of the proof", centres_have_the_room_of_the_proof, true},
    {"centres exclude most rows", centres_exclude_most_rows, true},
    {"centres are kept where they pay", centres_are_kept_where_they_pay, true},
    {"centres follow changes", centres_follow_changes, true},
    {"spreading agrees with f64", spreading_agrees_with_f64},
    {"spreading drops what is below the threshold", spreading_drops_what_is_below_the_threshold},
    {"spreading has the bits of the specification", spreading_has_the_bits_of_the_specification},
    {"spreading sums by ascending sender", spreading_sums_by_ascending_sender},
    {"rows are sorted in steps", rows_are_sorted_in_steps},
    {"tiles have the same bits", tiles_have_the_same_bits},
    {"active nodes have the bits of all rows", active_nodes_have_the_bits_of_all_rows},
    {"active nodes are left to all rows where zeros count", active_nodes_are_left_to_all_rows_where_zeros_count},
    {"spreading keeps NaN to its neighbours", spreading_keeps_nan_to_its_neighbours},
    {"spreading reaches columns beyond signed numbers", spreading_reaches_columns_beyond_signed_numbers},
    {"graphs are checked", graphs_are_checked},
    {"graphs are built in steps", graphs_are_built_in_steps},
    {"copies are padded and aligned", copies_are_padded_and_aligned},
    {"lack of memory is reported", lack_of_memory_is_reported},
    {"floating-point mode is restored", floating_point_mode_is_restored},
};

struct Totals {
  size_t passed = 0;
  size_t failed = 0;

  void add(const char* level, const char* group, const Check& check) {
    // A group that checked nothing did not pass.
    const bool ok = check.failures() == 0 && check.checks() > 0;
    std::printf("%s %s: %s (%zu checks, %zu failed)\n", ok ? "ok    " : "FAILED", level, group, check.checks(),
                check.failures());
    std::fflush(stdout);
    ++(ok ? passed : failed);
  }
};

bool is_named(const char* level, int count, char** names) {
  for (int i = 1; i < count; ++i)
    if (std::strcmp(level, names[i]) == 0) return true;
  return false;
}

/** Emulated instructions need nothing of the CPU. */
bool is_emulated(const Level& level) {
#if defined(GEARSHIFT_EMULATE_AVX512)
  return std::strcmp(level.kernels->name, "avx512") == 0;
#else
  static_cast<void>(level);
  return false;
#endif
}

void run_group(const Group& group, const char* level, const KernelTable& kernels, Totals& totals) {
  Check check;
  group.run(check, kernels);
  totals.add(level, group.name, check);
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)
// Asking for more memory than there is belongs to the tests; without this the sanitizer takes it for a mistake.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif

int main(int argument_count, char** arguments) {
  Totals totals;
  Check list;
  levels_are_listed(list);
  totals.add("all", "levels are listed", list);

  const LevelList levels = all_levels();
  int found = 0;
  for (size_t i = 0; i < levels.count; ++i) {
    const Level& level = levels.levels[i];
    if (argument_count > 1 && !is_named(level.kernels->name, argument_count, arguments)) continue;
    ++found;
    const bool has_all = is_emulated(level) || level.missing[0] == '\0';
    if (!has_all) {
      std::printf("skipped %s: this CPU lacks %s\n", level.kernels->name, level.missing);
      continue;
    }
    for (const Group& group : kGroups) run_group(group, level.kernels->name, *level.plain, totals);
    for (size_t v = 0; v < level.variant_count; ++v) {
      const LevelVariant& variant = level.variants[v];
      if (!is_emulated(level) && !variant.can_run) continue;
      for (const Group& group : kGroups)
        if (group.is_of_codes) run_group(group, variant.name, variant.kernels, totals);
    }
  }
  std::printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
  if (argument_count > 1 && found != argument_count - 1) {
    std::printf("a level that was asked for is not part of this build\n");
    return 2;
  }
  return totals.failed == 0 ? 0 : 1;
}
