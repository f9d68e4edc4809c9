import { describe, expect, it } from 'vitest';
import { WorkerDirectory, type KnownWorker } from '../src/placement/worker-directory.js';
import type { PushEnd } from '../src/residency/push-shard.js';
import { whileThere } from '../src/residency/while-there.js';
import { JumpingClock } from './jumping-clock.js';

function begin(given?: AbortSignal) {
  const clock = new JumpingClock();
  const directory = new WorkerDirectory(clock);
  let [instance, sequence] = [1, 0];
  const announce = () => {
    const state = { profile: '', freeBytes: 1, maxBytes: 1, isDraining: false, underWay: 0, shards: [] };
    directory.hear({ worker: 'w0', instance, sequence: sequence++, ...state });
  };
  announce();
  const [worker] = directory.live as [KnownWorker];
  let signal: AbortSignal | undefined;
  const end = whileThere({ directory, clock }, worker, given, (there) => {
    signal = there;
    return new Promise<PushEnd>((resolve) => {
      const fail = () => resolve({ ok: false, kind: 'aborted', message: 'aborted' });
      if (there.aborted) fail();
      else there.addEventListener('abort', fail);
      clock.startTimer(20_000, () => resolve({ ok: true, sequence: 7 }));
    });
  });
  const restart = () => {
    instance += 1;
    announce();
  };
  return { clock, announce, restart, end, signal: signal ?? expect.fail() };
}

describe('a worker gets something', () => {
  it('as long as it announces itself', async () => {
    const { clock, announce, end } = begin();
    for (let second = 0; second <= 20; second++) {
      announce();
      await clock.advance(1000);
    }
    expect(await end).toEqual({ ok: true, sequence: 7 });
  });

  it('until it has been silent for long', async () => {
    const { clock, end, signal } = begin();
    await clock.advance(3400);
    expect(signal.aborted).toBe(false);
    await clock.advance(1100);
    expect(await end).toMatchObject({ ok: false, kind: 'unreachable', reason: 'timeout' });
    expect(signal.aborted).toBe(true);
  });

  it('until it was started anew', async () => {
    const { clock, restart, end } = begin();
    restart();
    await clock.advance(1000);
    expect(await end).toMatchObject({ ok: false, kind: 'unreachable' });
  });

  it('also when this process stood still, and read its announcements after its timers', async () => {
    const { clock, announce, signal } = begin();
    clock.jumpedMs = 10_000;
    await clock.advance(500);
    announce();
    await clock.advance(3000);
    expect(signal.aborted).toBe(false);
  });

  it('until the request is aborted', async () => {
    const controller = new AbortController();
    const { end } = begin(controller.signal);
    controller.abort();
    expect(await end).toMatchObject({ ok: false, kind: 'aborted' });
    expect(await begin(controller.signal).end).toMatchObject({ ok: false, kind: 'aborted' });
  });
});
