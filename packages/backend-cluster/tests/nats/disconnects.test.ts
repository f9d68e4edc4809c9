import { setTimeout as sleep } from 'node:timers/promises';
import { startNatsCluster, startProxy } from '@gearshift/nats-server';
import { describe, expect, test } from 'vitest';
import { connectNats } from '../../src/transport/nats/connect-nats.js';
import { TransportError } from '../../src/transport/transport.js';
import { decode, encode, failureOf, lacksServer, needs, settle, startSetting, until } from './server.js';

const LONG = { timeoutMs: 60_000 };

describe.skipIf(lacksServer)(`a lost connection to NATS${needs}`, () => {
  test('fails what waits for an answer at once, and sends nothing of what was asked meanwhile', async () => {
    await using setting = await startSetting();
    const { server } = setting;
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    const seen: string[] = [];
    worker.watch('jobs', {}, ({ data, respond }) => {
      seen.push(decode(data));
      if (decode(data) !== 'hold') respond(encode('done'));
    });
    await settle(worker);
    const changes: boolean[] = [];
    const end = coordinator.onConnection((connected) => void changes.push(connected));
    const held = failureOf(coordinator.ask('jobs', encode('hold'), LONG));
    const all = failureOf(coordinator.askAll('jobs', encode('hold'), LONG, () => true));
    await until(() => seen.length === 2);
    const killedAtMs = performance.now();
    await server.kill();
    expect(await held).toMatchObject({ reason: 'disconnected', message: expect.stringContaining('lost') });
    expect(await all).toMatchObject({ reason: 'disconnected' });
    expect(performance.now() - killedAtMs).toBeLessThan(LONG.timeoutMs / 2);
    expect(changes).toEqual([false]);
    await until(() => !worker.connected);
    // Offline, while the client tries to connect again and again.
    for (let tries = 0; tries < 20; tries++) {
      expect(() => coordinator.send('jobs', encode('offline'))).toThrow(TransportError);
      expect(await failureOf(coordinator.ask('jobs', encode('offline'), LONG))).toMatchObject({
        reason: 'disconnected',
      });
      await sleep(20);
    }
    await server.restart();
    await until(() => worker.connected && coordinator.connected);
    expect(changes).toEqual([false, true]);
    await settle(worker);
    expect(decode(await coordinator.ask('jobs', encode('again'), LONG))).toBe('done');
    await settle(worker);
    expect(seen).toEqual(['hold', 'hold', 'again']);
    end();
    await server.restart();
    await until(() => worker.connected && coordinator.connected);
    expect(changes).toEqual([false, true]);
  });

  test('is made again after many failed attempts, with what was watched before and meanwhile', async () => {
    await using setting = await startSetting();
    const { server } = setting;
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    const answer = (text: string) => worker.watch(text, {}, ({ respond }) => respond(encode(text)));
    answer('before');
    const ended = answer('ended');
    await server.stop();
    await until(() => !worker.connected && !coordinator.connected);
    answer('meanwhile');
    ended();
    // The default of the client is to give up after ten attempts.
    await sleep(12_000);
    answer('later');
    await server.restart('max_payload: 4096');
    await until(() => worker.connected && coordinator.connected);
    await settle(worker);
    for (const subject of ['before', 'meanwhile', 'later']) {
      expect(decode(await coordinator.ask(subject, encode('?'), LONG))).toBe(subject);
    }
    expect(await failureOf(coordinator.ask('ended', encode('?'), LONG))).toMatchObject({ reason: 'no-receiver' });
    expect(coordinator.maxPayloadBytes).toBe(4096);
  });

  test('keeps trying when the server refuses the connection for a while', async () => {
    await using setting = await startSetting();
    const coordinator = await setting.connect();
    const forbidding = 'authorization { user: someone, password: else }';
    await setting.server.restart(forbidding);
    await until(() => !coordinator.connected);
    await sleep(5000);
    await setting.server.restart('');
    await until(() => coordinator.connected);
  });

  test('is noticed within seconds when the server is suspended; until then questions end with their timeouts', async () => {
    await using setting = await startSetting();
    const coordinator = await setting.connect();
    const worker = await setting.connect();
    worker.watch('jobs', {}, ({ respond }) => respond(encode('done')));
    await settle(worker);
    setting.server.suspend();
    expect(await failureOf(coordinator.ask('jobs', encode('?'), { timeoutMs: 100 }))).toMatchObject({
      reason: 'timeout',
    });
    const waiting = await failureOf(coordinator.ask('jobs', encode('?'), LONG));
    expect(waiting).toMatchObject({ reason: 'disconnected' });
    expect(waiting.afterMs).toBeLessThan(LONG.timeoutMs / 2);
    setting.server.resume();
    await until(() => coordinator.connected && worker.connected);
    await settle(worker);
    expect(decode(await coordinator.ask('jobs', encode('?'), LONG))).toBe('done');
  });

  test('leads to another server of three', async () => {
    await using cluster = await startNatsCluster();
    const options = { servers: cluster.urls, name: 'test', tls: false } as const;
    const [worker, coordinator] = [await connectNats(options), await connectNats(options)];
    worker.watch('jobs', {}, ({ respond }) => respond(encode('done')));
    const works = async (): Promise<boolean> =>
      (await coordinator.ask('jobs', encode('?'), { timeoutMs: 1000 }).catch(() => undefined)) !== undefined;
    await until(works);
    // Each one is lost once, so both clients have to move.
    for (const server of cluster.servers) {
      await server.kill();
      await until(works);
      await server.restart();
    }
    await Promise.all([worker.close(), coordinator.close()]);
  });

  test('comes back when the server cuts off a consumer that does not read', async () => {
    const config = 'max_pending: 1MB\nwrite_deadline: "500ms"';
    await using setting = await startSetting({ config });
    await using proxy = await startProxy(setting.server.port);
    const worker = await setting.connect(proxy.url);
    const coordinator = await setting.connect();
    worker.watch('jobs', {}, ({ respond }) => respond(encode('done')));
    const changes: boolean[] = [];
    worker.onConnection((connected) => void changes.push(connected));
    await settle(worker);
    proxy.stall('server');
    const part = new Uint8Array(512 * 1024);
    await until(async () => {
      if (setting.server.log.includes('Slow Consumer')) return true;
      coordinator.send('jobs', part);
      // No faster than the server reads: too much that waits for it would end this connection.
      await settle(coordinator);
      return false;
    });
    expect(coordinator.connected).toBe(true);
    proxy.stall('nothing');
    await until(() => changes.at(-1) === true);
    expect(changes).toEqual([false, true]);
    await until(async () => (await coordinator.ask('jobs', encode('?'), LONG).catch(() => undefined)) !== undefined);
  });

  test('lets at most 64 MiB wait for a server that does not read', async () => {
    await using setting = await startSetting();
    await using proxy = await startProxy(setting.server.port);
    const coordinator = await setting.connect(proxy.url);
    const part = new Uint8Array(1024 * 1024);
    // A server that reads takes any amount.
    for (let count = 0; count < 100; count++) {
      coordinator.send('jobs', part);
      await settle(coordinator);
    }
    proxy.stall('clients');
    let sent = 0;
    const send = (): void => {
      for (; sent < 1000; sent++) coordinator.send('jobs', part);
    };
    expect(send).toThrow(/has not read \d+ bytes/);
    expect(sent).toBeGreaterThan(60);
    expect(sent).toBeLessThanOrEqual(64);
    expect(await failureOf(coordinator.ask('jobs', part, LONG))).toMatchObject({ reason: 'disconnected' });
    proxy.stall('nothing');
    await until(() => {
      try {
        coordinator.send('jobs', part);
        return true;
      } catch {
        return false;
      }
    });
  });
});
