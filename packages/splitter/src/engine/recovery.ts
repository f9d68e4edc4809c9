import type { ChunkErrorKind } from '@gearshift/contracts';

/** These end a run whatever `onFault` says, because its caller does not want the rest. */
const FINAL: ReadonlySet<ChunkErrorKind> = new Set<ChunkErrorKind>(['aborted', 'deadline-exceeded']);

/**
 * After these the same lane will not do the next chunk either: the device is lost, still busy with a call that was given up,
 * or has no memory even for the smallest chunk.
 */
const END_OF_LANE: ReadonlySet<ChunkErrorKind> = new Set<ChunkErrorKind>([
  'device-lost',
  'timeout',
  'out-of-memory',
  'item-too-large',
  'overloaded',
]);

/** Whether another lane may succeed after a failure of this kind; wrong input is wrong everywhere. */
export function fallbackMayHelp(kind: ChunkErrorKind): boolean {
  return !FINAL.has(kind) && kind !== 'invalid-input';
}

/** Whether the next lane should do everything that is left. */
export function isEndOfLane(kind: ChunkErrorKind): boolean {
  return END_OF_LANE.has(kind);
}

/** Whether other chunks may succeed on the same lane. A call that did not settle in time may have had one bad chunk. */
export function othersMaySucceed(kind: ChunkErrorKind): boolean {
  return !FINAL.has(kind) && (kind === 'timeout' || !END_OF_LANE.has(kind));
}
