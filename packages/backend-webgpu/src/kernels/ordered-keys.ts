import type { DeviceFeatures } from './device-features.js';
import { SORTED_ENTRIES, sortFunction } from './sort.js';

/** Scores as keys of 32 bits that order like them, 0 for no entry, memory of a workgroup for {@link SORTED_ENTRIES} of them, and their sort. */
export function orderedKeys(features: DeviceFeatures): string {
  return /* wgsl */ `
var<workgroup> keys: array<u32, ${SORTED_ENTRIES}>;
var<workgroup> rows_of_keys: array<u32, ${SORTED_ENTRIES}>;

fn key_of(score: f32) -> u32 {
  let bits = bitcast<u32>(select(score, 0.0, score == 0.0));  // of the two zeros none is better
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn is_before(key: u32, row: u32, other_key: u32, other_row: u32) -> bool {
  return key > other_key || (key == other_key && row < other_row);
}
${sortFunction(features)}`;
}

/** The score of a key other than 0. */
export function scoreOfKey(key: number): number {
  BITS[0] = key >= 0x8000_0000 ? key & 0x7fff_ffff : ~key;
  return FLOATS[0];
}

const BITS = new Uint32Array(1);
const FLOATS = new Float32Array(BITS.buffer);
