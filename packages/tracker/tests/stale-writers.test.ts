import { describe, expect, it } from 'vitest';
import { layOut } from '../src/memory-layout.js';
import { ArrayMemory } from '../src/protocol/array-memory.js';
import { claimSlot } from '../src/protocol/ownership.js';
import type { SharedMemory } from '../src/protocol/shared-memory.js';
import { TrackedOperation } from '../src/tracked-operation.js';
import { changeMemory } from './schedules/small-memory.js';

const LAYOUT = layOut({ slotCount: 2, operationCount: 1, deviceCount: 1, nameCount: 0 });
const SETUP = {
  windowSize: 4,
  devices: ['primary'],
  figures: LAYOUT.figures,
  nothing: new Float64Array(LAYOUT.figures.length),
};

function operationOn(memory: SharedMemory, token?: number): TrackedOperation {
  const tracked = new TrackedOperation(SETUP, 0);
  tracked.join(memory, LAYOUT);
  const slot = token === undefined ? undefined : claimSlot(memory, LAYOUT.ownership, token);
  if (slot !== undefined) tracked.enterSlot(slot);
  return tracked;
}

/** Two writers that have published, and a reader that may find the block of the first one changed during every reading. */
function writersAndReader() {
  const memory = new ArrayMemory(new SharedArrayBuffer(LAYOUT.byteLength));
  const fast = { isWriting: false };
  let count = 0;
  const overtaken = changeMemory(memory, (unchanged) => ({
    // The recheck of a reader adds 0 to the count of publications.
    add: (cell, amount) => {
      const isRecheck = cell === LAYOUT.block(0, 0).sequenceCell && amount === 0;
      return isRecheck && fast.isWriting ? --count : unchanged.add(cell, amount);
    },
  }));
  const writers = [operationOn(memory, 1), operationOn(memory, 2)];
  const publish = (writer: TrackedOperation) => {
    writer.recorder.success(0, 2, 0);
    writer.publish();
  };
  for (const writer of writers) publish(writer);
  return { writers, publish, reader: operationOn(overtaken), fast };
}

describe('a writer that publishes faster than it can be read', () => {
  it('a writer that cannot be read counts as of the last reading, and the snapshot counts it as stale', () => {
    const { writers, publish, reader, fast } = writersAndReader();
    expect(reader.snapshot()).toMatchObject({ version: 2, staleWriters: 0 });
    fast.isWriting = true;
    for (const writer of writers) publish(writer);
    expect(reader.snapshot()).toMatchObject({ version: 3, staleWriters: 1, devices: { primary: { count: 3 } } });
    expect(reader.snapshot()).toMatchObject({ version: 3, staleWriters: 1 });
  });

  it('the next snapshot reads a stale writer again, although nothing was published or recorded since', () => {
    const { writers, publish, reader, fast } = writersAndReader();
    reader.snapshot();
    fast.isWriting = true;
    publish(writers[0]);
    expect(reader.snapshot()).toMatchObject({ version: 2, staleWriters: 1 });
    fast.isWriting = false;
    expect(reader.snapshot()).toMatchObject({ version: 3, staleWriters: 0, devices: { primary: { count: 3 } } });
    expect(reader.snapshot()).toBe(reader.snapshot());
  });

  it('a stale writer that was never read counts nothing', () => {
    const { reader, fast } = writersAndReader();
    fast.isWriting = true;
    expect(reader.snapshot()).toMatchObject({ version: 1, staleWriters: 1 });
    expect(reader.totals().devices.primary.successes).toBe(1);
    fast.isWriting = false;
    expect(reader.totals().devices.primary.successes).toBe(2);
  });
});
