import type { DeviceFeatures } from './device-features.js';

/** Entries that one workgroup orders. */
export const SORTED_ENTRIES = 1024;
export const WORKGROUP_LANES = 256;

/**
 * `sort_entries`, a bitonic sort of up to {@link SORTED_ENTRIES} entries in the memory of a workgroup: highest key first, lower row first among
 * equal ones, so that the result does not depend on the order of the entries (Batcher, "Sorting networks and their applications", 1968).
 * Entries from `count` on must have the key 0; it must be the same for all lanes.
 *
 * With subgroups, entries less than a subgroup apart are exchanged between the registers of its lanes, which saves most barriers: 35 of 55 for
 * subgroups of 32 lanes and all entries.
 */
export function sortFunction({ subgroupLanes }: DeviceFeatures): string {
  return subgroupLanes === undefined ? PLAIN_SORT : subgroupSort(subgroupLanes);
}

/** Where a kernel with subgroups says so. */
export function sortEnables({ subgroupLanes }: DeviceFeatures): string {
  return subgroupLanes === undefined ? '' : 'enable subgroups;\n';
}

/** More inputs of the entry point of a kernel that sorts. */
export function sortInputs({ subgroupLanes }: DeviceFeatures): string {
  if (subgroupLanes === undefined) return '';
  return ', @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_size) subgroup_size: u32, @builtin(subgroup_invocation_id) place: u32';
}

/** The number of a lane for `sort_entries`: with subgroups, neighbours are in the same one. */
export function sortLane({ subgroupLanes }: DeviceFeatures): string {
  return subgroupLanes === undefined ? 'lane' : 'subgroup * subgroup_size + place';
}

/** Exchanges entries `stride` apart in the memory of the workgroup. */
const EXCHANGE = /* wgsl */ `
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
      }`;

const PLAIN_SORT = /* wgsl */ `
fn sort_entries(lane: u32, count: u32) {
  var entries = 2u;
  while (entries < count) { entries <<= 1u; }
  for (var size = 2u; size <= entries; size <<= 1u) {
    for (var stride = size >> 1u; stride > 0u; stride >>= 1u) {${EXCHANGE}
    }
  }
  workgroupBarrier();
}
`;

function subgroupSort(lanes: number): string {
  const strides = Array.from({ length: Math.log2(lanes) }, (_, i) => lanes >> (i + 1));
  const exchange = (stride: number, size: string) => `entry = exchanged(entry, at, ${stride}u, ${size});`;
  const sizes = strides.map((stride) => 2 * stride).toReversed();
  const first = sizes.flatMap((size) => strides.filter((stride) => stride < size).map((s) => exchange(s, `${size}u`)));
  const later = strides.map((stride) => exchange(stride, 'size'));
  return /* wgsl */ `
fn exchanged(entry: vec2<u32>, at: u32, stride: u32, size: u32) -> vec2<u32> {
  let other = subgroupShuffleXor(entry, stride);
  let comes_first = ((at & stride) == 0u) == ((at & size) == 0u);
  let keeps = is_before(entry.x, entry.y, other.x, other.y) == comes_first;
  return select(other, entry, keeps);
}

fn sort_entries(lane: u32, count: u32) {
  var entries = ${lanes}u;
  while (entries < count) { entries <<= 1u; }
  workgroupBarrier();
  ${inRegisters(first)}
  for (var size = ${2 * lanes}u; size <= entries; size <<= 1u) {
    for (var stride = size >> 1u; stride >= ${lanes}u; stride >>= 1u) {${EXCHANGE}
    }
    workgroupBarrier();
    ${inRegisters(later)}
  }
  workgroupBarrier();
}
`;
}

/** Exchanges entries of the lanes of each subgroup. */
function inRegisters(exchanges: readonly string[]): string {
  return `for (var begin = 0u; begin < entries; begin += ${WORKGROUP_LANES}u) {
      let at = begin + lane;
      var entry = vec2<u32>(keys[at], rows_of_keys[at]);
      ${exchanges.join('\n      ')}
      keys[at] = entry.x;
      rows_of_keys[at] = entry.y;
    }`;
}
