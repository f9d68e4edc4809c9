import type { ChunkCall, ChunkWork } from './chunk-work.js';

/** Work whose function writes its results itself. */
export function rangeWork<E>(
  total: number,
  call: ChunkCall<unknown, E>,
  standIn: ChunkCall<unknown, E> | undefined,
): ChunkWork<unknown, E, null> {
  return { total, call, standIn, accept: nothing, whatChanged: nothing, output: nothing };
}

function nothing(): null {
  return null;
}
