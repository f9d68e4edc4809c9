// The k best of many scores.
//
// For k up to 256, blocks go through their part of the scores with a threshold that rises: what is above it is collected in
// shared memory, and sorted down to k when that is full. On random scores almost nothing is collected after the beginning, so
// the cost is one read of 4 bytes a score; in the worst case (ascending) a bitonic sort of 1024 keys for each 768 scores. Each
// block hands k keys on, and one block for each query merges them with the best so far.
//
// For larger k, radix selection over the keys (Alabi et al., "Fast k-selection algorithms for graphics processing units",
// 2012): eight passes, 8 bits each, find the k-th key; one more collects all from it on, in no particular order.
#include "kernels/kernel.cuh"

namespace gearshift::cuda {

/** What a block has collected. */
struct Selection {
  uint64_t* keys;       // kSelectCapacity of them, in shared memory
  uint32_t* count;      // in shared memory
  uint64_t* threshold;  // in shared memory: the k-th best so far
  uint32_t k;
};

__device__ inline void begin_selection(const Selection& selection) {
  if (threadIdx.x == 0) {
    *selection.count = 0;
    *selection.threshold = 0;
  }
  __syncthreads();
}

/** Sorts what was collected, best first, and keeps k. By the whole block. */
__device__ inline void shrink_selection(const Selection& selection) {
  const uint32_t count = *selection.count;
  uint32_t length = 2;
  while (length < count) length *= 2;
  for (uint32_t i = count + threadIdx.x; i < length; i += kSelectThreads) selection.keys[i] = 0;
  __syncthreads();
  // Bitonic sort, descending (Batcher 1968).
  for (uint32_t size = 2; size <= length; size *= 2) {
    for (uint32_t distance = size / 2; distance > 0; distance /= 2) {
      for (uint32_t pair = threadIdx.x; pair < length / 2; pair += kSelectThreads) {
        const uint32_t low = pair / distance * distance * 2 + pair % distance;
        const uint32_t high = low + distance;
        const bool descends = (low & size) == 0;
        const uint64_t a = selection.keys[low];
        const uint64_t b = selection.keys[high];
        if (descends ? a < b : a > b) {
          selection.keys[low] = b;
          selection.keys[high] = a;
        }
      }
      __syncthreads();
    }
  }
  if (threadIdx.x == 0 && count > selection.k) {
    *selection.count = selection.k;
    *selection.threshold = selection.keys[selection.k - 1];
  }
  __syncthreads();
}

/** Each thread offers one key, or 0. Between two calls nothing else may touch the selection. */
__device__ inline void offer(const Selection& selection, uint64_t key) {
  if (key > *selection.threshold) selection.keys[atomicAdd(selection.count, 1u)] = key;
  __syncthreads();
  // Room for one more round.
  const bool is_full = *selection.count > kSelectCapacity - kSelectThreads;
  __syncthreads();
  if (is_full) shrink_selection(selection);
}

/** Writes the k best, best first, filled up with 0. */
__device__ inline void end_selection(const Selection& selection, uint64_t* best) {
  shrink_selection(selection);
  const uint32_t count = *selection.count;
  for (uint32_t i = threadIdx.x; i < selection.k; i += kSelectThreads) best[i] = i < count ? selection.keys[i] : 0;
}

/** 0, which is no key, for a row that is not considered. */
__device__ inline uint64_t key_at(const float* scores, uint64_t i, uint32_t smaller_is_better, const uint32_t* row_numbers,
                                  uint32_t first_number, const RowBits& considered) {
  if (!considered.has(i)) return 0;
  const uint32_t row = row_numbers == nullptr ? first_number + static_cast<uint32_t>(i) : row_numbers[i];
  return key_of(scores[i], smaller_is_better != 0, row);
}

/** The digit of a key that a pass decides; pass 0 is the highest. */
__device__ inline uint32_t digit_of(uint64_t key, uint32_t pass) {
  return static_cast<uint32_t>(key >> (64 - kDigitBits * (pass + 1))) & (kDigits - 1);
}

/** Whether the digits of the passes before agree with the key that is searched for. */
__device__ inline bool is_candidate(uint64_t key, uint64_t prefix, uint32_t pass) {
  return pass == 0 || (key ^ prefix) >> (64 - kDigitBits * pass) == 0;
}

}  // namespace gearshift::cuda

using namespace gearshift::cuda;

/**
 * lists[(query * list_length) + blockIdx.x * k ..]: the k best keys of this block's part of scores[query * count ..], where
 * query is blockIdx.y. The row of score i is row_numbers[i], or first_number + i where that is null. It is considered where bit
 * first_bit + i of words is 1, or where words is null.
 */
GEARSHIFT_KERNEL(kSelectThreads, select_scores, const float* scores, uint64_t count, uint32_t smaller_is_better,
                 const uint32_t* row_numbers, uint32_t first_number, const uint32_t* words, uint64_t first_bit, uint32_t k,
                 uint64_t* lists, uint64_t list_length) {
  __shared__ uint64_t keys[kSelectCapacity];
  __shared__ uint64_t threshold;
  __shared__ uint32_t collected;
  const Selection selection{keys, &collected, &threshold, k};
  const RowBits considered{words, first_bit};
  begin_selection(selection);
  const float* own = scores + blockIdx.y * count;
  for (uint64_t base = static_cast<uint64_t>(blockIdx.x) * kSelectThreads; base < count;
       base += static_cast<uint64_t>(gridDim.x) * kSelectThreads) {
    const uint64_t i = base + threadIdx.x;
    offer(selection, i < count ? key_at(own, i, smaller_is_better, row_numbers, first_number, considered) : 0);
  }
  end_selection(selection, lists + blockIdx.y * list_length + blockIdx.x * static_cast<uint64_t>(k));
}

/** best[query * k ..] becomes the k best of itself and of lists[query * list_length ..], where query is blockIdx.x. */
GEARSHIFT_KERNEL(kSelectThreads, merge_keys, const uint64_t* lists, uint64_t list_length, uint32_t k, uint64_t* best) {
  __shared__ uint64_t keys[kSelectCapacity];
  __shared__ uint64_t threshold;
  __shared__ uint32_t collected;
  const Selection selection{keys, &collected, &threshold, k};
  begin_selection(selection);
  uint64_t* own = best + blockIdx.x * static_cast<uint64_t>(k);
  const uint64_t* others = lists + blockIdx.x * list_length;
  offer(selection, threadIdx.x < k ? own[threadIdx.x] : 0);
  for (uint64_t base = 0; base < list_length; base += kSelectThreads) {
    const uint64_t i = base + threadIdx.x;
    offer(selection, i < list_length ? others[i] : 0);
  }
  end_selection(selection, own);
}

/**
 * A pass of radix selection: histogram[digit] of the keys that agree with prefix[0] in the passes before. Rows that are not
 * considered have the key 0 and so the lowest digits, which are never counted down to: k is at most the number of considered rows.
 */
GEARSHIFT_KERNEL(kDigitThreads, count_digits, const float* scores, uint64_t count, uint32_t smaller_is_better,
                 const uint32_t* row_numbers, uint32_t first_number, const uint32_t* words, uint64_t first_bit, uint32_t pass,
                 const uint64_t* prefix, uint32_t* histogram) {
  const RowBits considered{words, first_bit};
  __shared__ uint32_t own[kDigits];
  for (uint32_t digit = threadIdx.x; digit < kDigits; digit += kDigitThreads) own[digit] = 0;
  __syncthreads();
  for (uint64_t i = static_cast<uint64_t>(blockIdx.x) * kDigitThreads + threadIdx.x; i < count;
       i += static_cast<uint64_t>(gridDim.x) * kDigitThreads) {
    const uint64_t key = key_at(scores, i, smaller_is_better, row_numbers, first_number, considered);
    if (is_candidate(key, prefix[0], pass)) atomicAdd(&own[digit_of(key, pass)], 1u);
  }
  __syncthreads();
  for (uint32_t digit = threadIdx.x; digit < kDigits; digit += kDigitThreads) {
    if (own[digit] != 0) atomicAdd(&histogram[digit], own[digit]);
  }
}

/**
 * Between two passes: extends prefix[0] by the digit in which the k-th key lies, leaves in prefix[1] how many are still to be
 * taken among those with that digit, and clears the histogram. One thread.
 */
GEARSHIFT_KERNEL(1, choose_digit, uint32_t pass, uint64_t* prefix, uint32_t* histogram) {
  uint64_t left = prefix[1];
  uint32_t digit = kDigits - 1;
  while (digit > 0 && histogram[digit] < left) left -= histogram[digit--];
  prefix[0] |= static_cast<uint64_t>(digit) << (64 - kDigitBits * (pass + 1));
  prefix[1] = left;
  for (uint32_t i = 0; i < kDigits; ++i) histogram[i] = 0;
}

/** Every key from the one found on: k of them, in no particular order. *collected counts them and begins at 0. */
GEARSHIFT_KERNEL(kDigitThreads, collect_keys, const float* scores, uint64_t count, uint32_t smaller_is_better,
                 const uint32_t* row_numbers, uint32_t first_number, const uint32_t* words, uint64_t first_bit,
                 const uint64_t* prefix, uint32_t k, uint32_t* collected, uint64_t* keys) {
  const RowBits considered{words, first_bit};
  for (uint64_t i = static_cast<uint64_t>(blockIdx.x) * kDigitThreads + threadIdx.x; i < count;
       i += static_cast<uint64_t>(gridDim.x) * kDigitThreads) {
    const uint64_t key = key_at(scores, i, smaller_is_better, row_numbers, first_number, considered);
    if (key < prefix[0]) continue;
    const uint32_t place = atomicAdd(collected, 1u);
    if (place < k) keys[place] = key;
  }
}

/**
 * The k best of rows that were selected by their bounds and then scored: best[query * k ..], best first, where query is
 * blockIdx.x. certain[query] is 1 where no other row can be among them: the worst bound that was selected, which none of the
 * others passes, does not reach the k-th score.
 *
 * bounds[query * count ..]: the selection, best first; for the euclidean distance they are squares.
 */
GEARSHIFT_KERNEL(kSelectThreads, certify_keys, const uint64_t* bounds, const float* scores, uint32_t count,
                 uint32_t smaller_is_better, uint32_t k, uint64_t* best, uint32_t* certain) {
  __shared__ uint64_t keys[kSelectCapacity];
  __shared__ uint64_t threshold;
  __shared__ uint32_t collected;
  const Selection selection{keys, &collected, &threshold, k};
  begin_selection(selection);
  const uint64_t* own = bounds + blockIdx.x * static_cast<uint64_t>(count);
  const float* own_scores = scores + blockIdx.x * static_cast<uint64_t>(count);
  const uint32_t i = threadIdx.x;
  offer(selection, i < count ? key_of(own_scores[i], smaller_is_better != 0, ~static_cast<uint32_t>(own[i])) : 0);
  end_selection(selection, best + blockIdx.x * static_cast<uint64_t>(k));
  if (threadIdx.x != 0) return;
  const float reached = score_of(keys[k - 1], smaller_is_better != 0);
  const float bound = score_of(own[count - 1], smaller_is_better != 0);
  // False for NaN.
  certain[blockIdx.x] = (smaller_is_better != 0 ? sqrtf(bound) > reached : bound < reached) ? 1 : 0;
}
