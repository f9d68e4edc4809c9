import { channel, subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { CHANNELS, err, ok, TRACING_CHANNELS, unwrap } from '@gearshift/contracts';
import { expect, it } from 'vitest';
import { createMemoryBudget, runRanges, type ChunkEvent } from '../src/index.js';
import { FakeDevice } from './fake-device.js';
import { VirtualTime } from './virtual-time.js';

async function listen(name: string, during: () => Promise<unknown>): Promise<unknown[]> {
  const messages: unknown[] = [];
  const listener = (message: unknown) => void messages.push(structuredClone(message));
  subscribe(name, listener);
  try {
    await during();
  } finally {
    unsubscribe(name, listener);
  }
  return messages;
}

function outOfMemoryAbove(items: number) {
  return (start: number, end: number) =>
    end - start > items ? err({ kind: 'out-of-memory', message: 'full' }) : ok(null);
}

it('traces each call of the function, with its result', async () => {
  const ends: ChunkEvent[] = [];
  const starts: ChunkEvent[] = [];
  const handlers = {
    start: (event: ChunkEvent) => void starts.push({ ...event }),
    asyncEnd: (event: ChunkEvent) => void ends.push({ ...event }),
  };
  const channels = tracingChannel<unknown, ChunkEvent>(TRACING_CHANNELS.chunk);
  channels.subscribe(handlers as never);
  try {
    const fallback = () => ok(null);
    unwrap(
      await runRanges(4, { name: 'mine', maxChunkItems: 2, fallback }, (start) => (start > 0 ? err('odd') : ok(1))),
    );
  } finally {
    channels.unsubscribe(handlers as never);
  }
  expect(starts.map(({ name, chunkIndex, start, end, fallback }) => [name, chunkIndex, start, end, fallback])).toEqual([
    ['mine', 0, 0, 2, false],
    ['mine', 1, 2, 4, false],
    ['mine', 1, 2, 4, true],
  ]);
  expect(ends.map(({ result }) => result?.outcome)).toEqual(['success', 'chunk-failed', 'success']);
});

it('publishes each out-of-memory error with the action that follows', async () => {
  let freed = false;
  const options = { name: 'mine', freeIdleMemory: () => (freed = true) };
  const messages = await listen(CHANNELS.oom, () => runRanges(2, options, outOfMemoryAbove(0)));
  const where = { name: 'mine', chunkIndex: 0, start: 0, fallback: false, bytes: 0 };
  expect(messages).toEqual([
    { ...where, end: 2, action: 'retry' },
    { ...where, end: 2, action: 'shrink' },
    { ...where, end: 1, action: 'give-up' },
  ]);
  expect(freed).toBe(true);
});

it('publishes once per run that it is split, with the reason', async () => {
  const budget = createMemoryBudget(new FakeDevice(null), { capBytes: 50 });
  const published = (options: object, most = Infinity) =>
    listen(CHANNELS.split, () => runRanges(10, { name: 'mine', ...options }, outOfMemoryAbove(most)));
  const split = { name: 'mine', total: 10 };
  expect(await published({})).toEqual([]);
  expect(await published({ maxChunkItems: 4 })).toEqual([{ ...split, chunkItems: 4, reason: 'maximum' }]);
  expect(await published({ budget, bytesPerItem: 10 })).toEqual([{ ...split, chunkItems: 5, reason: 'memory' }]);
  expect(await published({}, 6)).toEqual([{ ...split, chunkItems: 5, reason: 'out-of-memory' }]);
});

it('publishes each new reading of the memory, even when every reading is too old', async () => {
  const time = new VirtualTime();
  const device = new FakeDevice(1000, 2000);
  const budget = createMemoryBudget(device, { clock: time.clock, name: 'gpu:0', maxAgeMs: 0 });
  const messages = await listen(CHANNELS.memory, async () => budget.refresh());
  expect(messages).toEqual([
    {
      name: 'gpu:0',
      freeBytes: 1000,
      totalBytes: 2000,
      capacityBytes: 1600,
      availableBytes: 800,
      reservedBytes: 0,
      trackedBytes: 0,
      pressureRatio: 0.5,
      inflation: 1,
      readingFailed: false,
    },
  ]);
});

it('has no subscribers left after the tests', () => {
  for (const name of Object.values(CHANNELS)) expect(channel(name).hasSubscribers).toBe(false);
});
