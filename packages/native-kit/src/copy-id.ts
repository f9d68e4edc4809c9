import type { CsrGraph } from '@gearshift/contracts';

/** Elements of each array that are compared: all of them in small graphs, evenly spaced ones in others. */
const SAMPLED = 4096;
const ID_LIMIT = 2 ** 53;

/**
 * The id under which an addon keeps the copy of a graph: the graph's own id, changed by a checksum of its arrays. So two graphs
 * with the same id and version, such as graphs written by hand, never share a copy, while a graph that was posted to another
 * thread finds its own. (For matrices, addons compare values.)
 */
export function copyIdOf({ id, rowPointers, columns, weights }: CsrGraph): number {
  let sum = checksum(0x811c_9dc5, rowPointers);
  sum = checksum(sum, columns);
  sum = checksum(sum, new Uint32Array(weights.buffer, weights.byteOffset, weights.length));
  return (id + sum * 2 ** 21) % ID_LIMIT;
}

/** FNV-1a over elements instead of bytes, with the high bits mixed into the low ones. */
function checksum(sum: number, values: Uint32Array): number {
  const step = Math.max(1, Math.floor(values.length / SAMPLED));
  for (let i = 0; i < values.length; i += step) {
    sum = Math.imul(sum ^ values[i], 0x0100_0193);
    sum ^= sum >>> 15;
  }
  return sum >>> 0;
}
