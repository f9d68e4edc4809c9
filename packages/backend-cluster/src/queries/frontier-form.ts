import type { QueryHead } from './asked-query.js';
import { NO_FILTER } from './query-part.js';

/** How the activations of a hop travel in its queries. */
export type FrontierForm = Pick<QueryHead, 'filter' | 'rows' | 'numbers'>;

/**
 * Activations as a query carries them: the active nodes alone where that is less, all otherwise.
 *
 * @param mostBytes of a message, besides the header
 * @returns undefined where neither fits
 */
export function formOf(frontier: Float32Array, mostBytes: number): FrontierForm | undefined {
  // By their bits: -0 is not 0, and any NaN is kept.
  const bits = new Uint32Array(frontier.buffer, frontier.byteOffset, frontier.length);
  let active = 0;
  for (const word of bits) if (word !== 0) active += 1;
  if (8 * active < frontier.byteLength) {
    if (8 * active > mostBytes) return undefined;
    const rows = new Uint32Array(active);
    const numbers = new Float32Array(active);
    let at = 0;
    for (const [node, word] of bits.entries()) {
      if (word === 0) continue;
      rows[at] = node;
      numbers[at++] = frontier[node];
    }
    return { filter: 'sparse', rows, numbers };
  }
  return frontier.byteLength <= mostBytes ? { filter: 'all', rows: NO_FILTER, numbers: frontier } : undefined;
}

/** Activations that workers have already, under an id. */
export function storedForm(id: number): FrontierForm {
  return { filter: 'stored', rows: new Uint32Array(new Float64Array([id]).buffer), numbers: new Float32Array(0) };
}

/** The id of {@link storedForm}. */
export function storedId(rows: Uint32Array): number {
  return new Float64Array(rows.slice().buffer)[0];
}
