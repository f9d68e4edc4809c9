/** Entries that one workgroup orders. */
export const SORTED_ENTRIES = 1024;
export const WORKGROUP_LANES = 256;

/**
 * Scores as keys of 32 bits that order like them, 0 for no entry, and a bitonic sort of up to {@link SORTED_ENTRIES} of them in the memory
 * of a workgroup: highest key first, lower row first among equal ones, so that the result does not depend on the order of the entries
 * (Batcher, "Sorting networks and their applications", 1968). Entries from `count` on must have the key 0; it must be the same for all lanes.
 */
export const ORDERED_KEYS = /* wgsl */ `
var<workgroup> keys: array<u32, ${SORTED_ENTRIES}>;
var<workgroup> rows_of_keys: array<u32, ${SORTED_ENTRIES}>;

fn key_of(score: f32) -> u32 {
  let bits = bitcast<u32>(select(score, 0.0, score == 0.0));  // of the two zeros none is better
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn is_before(key: u32, row: u32, other_key: u32, other_row: u32) -> bool {
  return key > other_key || (key == other_key && row < other_row);
}

fn sort_entries(lane: u32, count: u32) {
  var entries = 2u;
  while (entries < count) { entries <<= 1u; }
  for (var size = 2u; size <= entries; size <<= 1u) {
    for (var stride = size >> 1u; stride > 0u; stride >>= 1u) {
      workgroupBarrier();
      for (var pair = lane; pair < entries / 2u; pair += ${WORKGROUP_LANES}u) {
        let first = 2u * pair - (pair & (stride - 1u));
        let second = first + stride;
        let is_descending = (first & size) == 0u;
        let swaps = is_before(keys[second], rows_of_keys[second], keys[first], rows_of_keys[first]) == is_descending;
        if (swaps) {
          let key = keys[first];
          keys[first] = keys[second];
          keys[second] = key;
          let row = rows_of_keys[first];
          rows_of_keys[first] = rows_of_keys[second];
          rows_of_keys[second] = row;
        }
      }
    }
  }
  workgroupBarrier();
}
`;

/** The score of a key other than 0. */
export function scoreOfKey(key: number): number {
  BITS[0] = key >= 0x8000_0000 ? key & 0x7fff_ffff : ~key;
  return FLOATS[0];
}

const BITS = new Uint32Array(1);
const FLOATS = new Float32Array(BITS.buffer);
