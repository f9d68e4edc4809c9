import { startProxy } from '@gearshift/nats-server';
import { describe, expect, test } from 'vitest';
import { TransportError } from '../../src/transport/transport.js';
import { decode, encode, failureOf, lacksServer, needs, settle, startSetting, until } from './server.js';

const LONG = { timeoutMs: 60_000 };

describe.skipIf(lacksServer)(`the end of a connection to NATS${needs}`, () => {
  test('by drain lets handlers answer what came, and takes nothing more', async () => {
    await using setting = await startSetting();
    const [worker, other, coordinator] = [await setting.connect(), await setting.connect(), await setting.connect()];
    const waiting: (() => void)[] = [];
    worker.watch('jobs', { queue: 'q' }, ({ data, respond }) => {
      const copy = data.slice();
      waiting.push(() => respond(copy));
    });
    worker.watch('last', {}, ({ respond }) => respond(encode('here')));
    await settle(worker);
    const asked = Promise.all(['a', 'b', 'c'].map((text) => coordinator.ask('jobs', encode(text), LONG)));
    await until(() => waiting.length === 3);
    other.watch('jobs', { queue: 'q' }, ({ respond }) => respond(encode('other')));
    await settle(other);
    const draining = worker.drain();
    expect(() => worker.watch('more', {}, () => undefined)).toThrow(
      new TransportError('closed', 'the connection is closed'),
    );
    // The server handles the end of one watch after the other, in their order.
    await until(async () => {
      const last = coordinator.ask('last', encode('?'), LONG).catch((error: unknown) => error);
      return ((await last) as { reason?: string }).reason === 'no-receiver';
    });
    // From now on the other member of the queue group gets everything. All at once: the drain waits a second for what it has.
    const others = Array.from({ length: 20 }, () => coordinator.ask('jobs', encode('d'), LONG));
    for (const answer of await Promise.all(others)) expect(decode(answer)).toBe('other');
    expect(worker.connected).toBe(true);
    for (const answer of waiting) answer();
    expect((await asked).map(decode)).toEqual(['a', 'b', 'c']);
    await draining;
    expect(worker.connected).toBe(false);
    expect(waiting).toHaveLength(3);
    await worker.drain();
    await worker.close();
  });

  test('by drain waits a second for a handler that never answers', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    let count = 0;
    worker.watch('jobs', {}, () => {
      count++;
    });
    await settle(worker);
    const asked = failureOf(coordinator.ask('jobs', encode('?'), { timeoutMs: 4000 }));
    await until(() => count === 1);
    const startedAtMs = performance.now();
    await worker.drain();
    expect(performance.now() - startedAtMs).toBeGreaterThan(900);
    expect(performance.now() - startedAtMs).toBeLessThan(15_000);
    expect(await asked).toMatchObject({ reason: 'timeout' });
  });

  test('by drain ends in time when the server does not answer', async () => {
    await using setting = await startSetting();
    await using proxy = await startProxy(setting.server.port);
    const worker = await setting.connect(proxy.url);
    worker.watch('jobs', {}, () => undefined);
    await settle(worker);
    proxy.set({ swallows: 'everything' });
    const startedAtMs = performance.now();
    await worker.drain();
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
  });

  test('by close ends questions with closed, and every later call', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    worker.watch('jobs', {}, () => undefined);
    await settle(worker);
    const changes: boolean[] = [];
    coordinator.onConnection((connected) => void changes.push(connected));
    const asked = failureOf(coordinator.ask('jobs', encode('?'), LONG));
    const all = failureOf(coordinator.askAll('jobs', encode('?'), LONG, () => true));
    await Promise.all([coordinator.close(), coordinator.close()]);
    expect(await asked).toMatchObject({ reason: 'closed' });
    expect(await all).toMatchObject({ reason: 'closed' });
    const closed = new TransportError('closed', 'the connection is closed');
    await expect(coordinator.ask('jobs', encode('?'), LONG)).rejects.toThrow(closed);
    expect(() => coordinator.send('jobs', encode('?'))).toThrow(closed);
    expect(() => coordinator.watch('jobs', {}, () => undefined)).toThrow(closed);
    await coordinator.drain();
    await setting.server.restart();
    await until(() => worker.connected);
    // Whoever closes knows it.
    expect(changes).toEqual([]);
    expect(coordinator.connected).toBe(false);
  });

  test('leaves answers unsent without an error when it is closed before a handler answers', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    const waiting: (() => void)[] = [];
    const end = worker.watch('jobs', {}, ({ respond }) => void waiting.push(() => respond(encode('late'))));
    await settle(worker);
    const asked = failureOf(coordinator.ask('jobs', encode('?'), { timeoutMs: 1000 }));
    await until(() => waiting.length === 1);
    await worker.close();
    end();
    for (const answer of waiting) answer();
    expect(await asked).toMatchObject({ reason: 'timeout' });
  });
});
