import type { ChunkErrorKind } from '@gearshift/contracts';

/** What ends a run whatever `onFault` says: the rest is not wanted any more. */
const FINAL: ReadonlySet<ChunkErrorKind> = new Set<ChunkErrorKind>(['aborted', 'deadline-exceeded']);

/**
 * After these the same lane will not do the next chunk either: the device is gone, still busy with a call that never ended, or
 * short of memory even for the smallest chunk.
 */
const END_OF_LANE: ReadonlySet<ChunkErrorKind> = new Set<ChunkErrorKind>([
  'device-lost',
  'timeout',
  'out-of-memory',
  'item-too-large',
  'overloaded',
]);

/** Whether another lane may do what failed so; wrong input is wrong everywhere. */
export function fallbackMayHelp(kind: ChunkErrorKind): boolean {
  return !FINAL.has(kind) && kind !== 'invalid-input';
}

/** Whether the next lane should do everything that is left. */
export function isEndOfLane(kind: ChunkErrorKind): boolean {
  return END_OF_LANE.has(kind);
}

/** Whether other chunks may succeed where this one failed so. A call that never ended may have been one bad chunk. */
export function othersMaySucceed(kind: ChunkErrorKind): boolean {
  return !FINAL.has(kind) && (kind === 'timeout' || !END_OF_LANE.has(kind));
}
