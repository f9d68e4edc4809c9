import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, type TrackerHandle } from '../src/index.js';
import { COMMON } from '../src/figures-layout.js';
import { layOut } from '../src/memory-layout.js';
import { ArrayMemory } from '../src/protocol/array-memory.js';
import { claimSlot } from '../src/protocol/ownership.js';
import { publishBlock } from '../src/protocol/publication.js';

const OPERATIONS = ['top-k', 'other'];
const DEAD_THREAD = 1_000_001;

/** What a thread leaves that was terminated after it published and before it announced that: one fallback each. */
function publishAndDie({ buffer, operations, devices, maxWriters, maxSums }: TrackerHandle): void {
  const memory = new ArrayMemory(buffer);
  const layout = layOut({
    slotCount: maxWriters,
    operationCount: operations.length,
    deviceCount: devices.length,
    nameCount: maxSums,
  });
  // The id of a thread plus one, as `ThreadTracker` has it.
  const slot = claimSlot(memory, layout.ownership, DEAD_THREAD + 1);
  if (slot === undefined) throw new Error('there was a slot');
  const figures = new Float64Array(layout.figures.length);
  figures[COMMON.records] = 1;
  figures[COMMON.fallbacks] = 1;
  for (const index of operations.keys()) {
    publishBlock(memory, layout.figures.shape, layout.block(slot, index), figures);
  }
}

describe('release', () => {
  it('release() shows every thread what a terminated one published without announcing it', () => {
    const tracker = createTracker({ operations: OPERATIONS });
    const other = attachTracker(tracker.share());
    publishAndDie(tracker.share());
    // The trackers have not looked: for each of them that is as if it had not been published yet.
    const counts = () =>
      [tracker, other].flatMap((each) => OPERATIONS.map((operation) => each.snapshot(operation).fallbackCount));
    expect(counts()).toEqual([0, 0, 0, 0]);
    expect(tracker.release(DEAD_THREAD)).toBe(1);
    expect(counts()).toEqual([1, 1, 1, 1]);
  });

  it('release() announces nothing when there was no slot to give back', () => {
    const tracker = createTracker({ operations: OPERATIONS });
    const other = attachTracker(tracker.share());
    publishAndDie(tracker.share());
    expect(tracker.release(DEAD_THREAD + 1)).toBe(0);
    expect(other.snapshot('top-k').fallbackCount).toBe(0);
  });
});
