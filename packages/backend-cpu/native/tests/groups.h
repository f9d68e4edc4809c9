#pragma once

#include "check.h"
#include "dispatch/kernel_table.h"

namespace gearshift::tests {

// The groups of tests, each in the file named for it. All but the last run once for every level.

void kernels_agree_with_f64(Check& check, const KernelTable& kernels);
void queries_together_have_the_bits_of_each(Check& check, const KernelTable& kernels);
void elements_have_their_exact_values(Check& check, const KernelTable& kernels);
void kernels_finish_scores(Check& check, const KernelTable& kernels);
void filters_find_what_is_better(Check& check, const KernelTable& kernels);

void scores_agree_with_f64(Check& check, const KernelTable& kernels);
void scores_have_the_same_bits_everywhere(Check& check, const KernelTable& kernels);
void scores_do_not_depend_on_other_queries(Check& check, const KernelTable& kernels);
void masks_choose_rows(Check& check, const KernelTable& kernels);
void special_values_follow_the_rule(Check& check, const KernelTable& kernels);

void selection_equals_a_full_sort(Check& check, const KernelTable& kernels);
void selections_merge(Check& check, const KernelTable& kernels);
void top_k_ranks_rows(Check& check, const KernelTable& kernels);

void rows_are_rotated_like_queries(Check& check, const KernelTable& kernels);
void rows_have_the_same_codes_at_every_level(Check& check, const KernelTable& kernels);
void code_sums_are_exact(Check& check, const KernelTable& kernels);
void codes_bound_every_row(Check& check, const KernelTable& kernels);
void bounds_have_the_room_of_the_proof(Check& check, const KernelTable& kernels);
void residuals_have_the_room_of_the_proof(Check& check, const KernelTable& kernels);
void codes_exclude_most_rows(Check& check, const KernelTable& kernels);
void whole_code_sums_are_exact(Check& check, const KernelTable& kernels);
void batches_rank_like_single_queries(Check& check, const KernelTable& kernels);
void codes_come_back_from_a_file(Check& check, const KernelTable& kernels);
void certified_rankings_equal_the_scan(Check& check, const KernelTable& kernels);
void centres_bound_every_row(Check& check, const KernelTable& kernels);
void centres_have_the_room_of_the_proof(Check& check, const KernelTable& kernels);
void centres_exclude_most_rows(Check& check, const KernelTable& kernels);
void centres_are_kept_where_they_pay(Check& check, const KernelTable& kernels);
void centres_follow_changes(Check& check, const KernelTable& kernels);

void spreading_agrees_with_f64(Check& check, const KernelTable& kernels);
void spreading_drops_what_is_below_the_threshold(Check& check, const KernelTable& kernels);
void spreading_has_the_bits_of_the_specification(Check& check, const KernelTable& kernels);
void spreading_sums_by_ascending_sender(Check& check, const KernelTable& kernels);
void rows_are_sorted_in_steps(Check& check, const KernelTable& kernels);
void tiles_have_the_same_bits(Check& check, const KernelTable& kernels);
void active_nodes_have_the_bits_of_all_rows(Check& check, const KernelTable& kernels);
void active_nodes_are_left_to_all_rows_where_zeros_count(Check& check, const KernelTable& kernels);
void spreading_keeps_nan_to_its_neighbours(Check& check, const KernelTable& kernels);
void spreading_reaches_columns_beyond_signed_numbers(Check& check, const KernelTable& kernels);
void graphs_are_checked(Check& check, const KernelTable& kernels);
void graphs_are_built_in_steps(Check& check, const KernelTable& kernels);

void copies_are_padded_and_aligned(Check& check, const KernelTable& kernels);
void lack_of_memory_is_reported(Check& check, const KernelTable& kernels);
void floating_point_mode_is_restored(Check& check, const KernelTable& kernels);

void levels_are_listed(Check& check);

}  // namespace gearshift::tests
