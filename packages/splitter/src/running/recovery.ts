import type { ChunkErrorKind } from '@gearshift/contracts';

/** What ends a run whatever `onFault` says: nobody wants the rest any more. */
const FINAL: ReadonlySet<ChunkErrorKind> = new Set<ChunkErrorKind>(['aborted', 'deadline-exceeded']);

/**
 * After these the same place will not do the next piece either: the device is gone, still busy with what never ended, or
 * short of memory even for the smallest piece.
 */
const END_OF_PLACE: ReadonlySet<ChunkErrorKind> = new Set<ChunkErrorKind>([
  'device-lost',
  'timeout',
  'out-of-memory',
  'item-too-large',
  'overloaded',
]);

/** Whether a stand-in may do what failed so; wrong input is wrong everywhere. */
export function standInMayHelp(kind: ChunkErrorKind): boolean {
  return !FINAL.has(kind) && kind !== 'invalid-input';
}

/** Whether the stand-in should do everything that is left. */
export function isEndOfPlace(kind: ChunkErrorKind): boolean {
  return END_OF_PLACE.has(kind);
}

/** Whether other pieces may succeed where this one failed so. A call that never ended may have been one bad piece. */
export function othersMaySucceed(kind: ChunkErrorKind): boolean {
  return !FINAL.has(kind) && (kind === 'timeout' || !END_OF_PLACE.has(kind));
}
