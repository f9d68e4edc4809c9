import type { DeviceFeatures } from './device-features.js';
import { orderedKeys } from './ordered-keys.js';
import { SORTED_ENTRIES, sortEnables, sortInputs, sortLane, WORKGROUP_LANES } from './sort.js';

/** Parameters of {@link mergeShader}: entries of each query, and how many of each workgroup are kept. */
export function mergeParameters(entries: number, kept: number, lists: number): Uint32Array {
  return Uint32Array.of(entries, kept, lists, 0);
}

/**
 * Keeps the best entries of each {@link SORTED_ENTRIES}: workgroup (x, y) those from entry `x * SORTED_ENTRIES` of query y on. Reads and
 * writes 8 bytes an entry.
 */
export function mergeShader(features: DeviceFeatures): string {
  return /* wgsl */ `
${sortEnables(features)}struct Parameters { entries: u32, kept: u32, lists: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> entries: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> best: array<vec2<u32>>;
${orderedKeys(features)}
@compute @workgroup_size(${WORKGROUP_LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32${sortInputs(features)}) {
  for (var i = lane; i < ${SORTED_ENTRIES}u; i += ${WORKGROUP_LANES}u) {
    let entry = group.x * ${SORTED_ENTRIES}u + i;
    var found = vec2<u32>(0u, 0xffffffffu);
    if (entry < p.entries) { found = entries[group.y * p.entries + entry]; }
    keys[i] = found.x;
    rows_of_keys[i] = found.y;
  }
  sort_entries(${sortLane(features)}, min(p.entries - group.x * ${SORTED_ENTRIES}u, ${SORTED_ENTRIES}u));
  for (var i = lane; i < p.kept; i += ${WORKGROUP_LANES}u) {
    best[(group.y * p.lists + group.x) * p.kept + i] = vec2<u32>(keys[i], rows_of_keys[i]);
  }
}
`;
}
