import { describe, expect, test } from 'vitest';
import { TransportError } from '../../src/transport/transport.js';
import { decode, encode, failureOf, lacksServer, needs, settle, startSetting, until } from './server.js';

const SOON = { timeoutMs: 60_000 };
/** That a question did not wait for its timeout. */
const AT_ONCE_MS = SOON.timeoutMs / 2;

describe.skipIf(lacksServer)(`messages over NATS${needs}`, () => {
  test('carry a question to a handler and its answer back', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    worker.watch('jobs.*', {}, ({ subject, data, respond }) => respond(encode(`${subject} ${decode(data)}`)));
    await settle(worker);
    expect(decode(await coordinator.ask('jobs.one', encode('hello'), SOON))).toBe('jobs.one hello');
    expect(decode(await coordinator.ask('jobs.two', encode(''), SOON))).toBe('jobs.two ');
    expect(coordinator.connected).toBe(true);
    expect(coordinator.maxPayloadBytes).toBe(1024 * 1024);
  });

  test('are plain arrays of bytes that never change again, aligned for numbers of any size', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    const seen: Uint8Array[] = [];
    worker.watch('jobs', {}, ({ data, respond }) => {
      seen.push(data.slice());
      expect(Buffer.isBuffer(data)).toBe(false);
      respond(data);
    });
    await settle(worker);
    const answers: Uint8Array[] = [];
    for (let index = 0; index < 50; index++) {
      answers.push(await coordinator.ask('jobs', new Uint8Array(1001).fill(index), SOON));
    }
    for (const [index, answer] of answers.entries()) {
      expect(answer).toEqual(new Uint8Array(1001).fill(index));
      expect(Buffer.isBuffer(answer)).toBe(false);
      // A part of a buffer of the socket would not be.
      expect(answer.byteOffset % 8).toBe(0);
      expect(seen[index]).toEqual(answer);
    }
  });

  test('are copied, so that the sender may change its array at once', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    const seen: number[] = [];
    worker.watch('jobs', {}, ({ data }) => void seen.push(data[0] ?? -1));
    await settle(worker);
    const scratch = new Uint8Array(100);
    for (let index = 0; index < 20; index++) coordinator.send('jobs', scratch.fill(index));
    await settle(coordinator);
    await settle(worker);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('to all receivers reach one member of each queue group, and end with the last answer that is needed', async () => {
    await using setting = await startSetting();
    const coordinator = await setting.connect();
    for (let shard = 0; shard < 3; shard++) {
      for (let replica = 0; replica < 2; replica++) {
        const worker = await setting.connect();
        worker.watch('query.*', { queue: `shard-${shard}` }, ({ respond }) => respond(encode(String(shard))));
        await settle(worker);
      }
    }
    const answers: string[] = [];
    const startedAtMs = performance.now();
    await coordinator.askAll('query.a', encode('?'), SOON, (answer) => answers.push(decode(answer)) === 3);
    // The timeout is not awaited, nor a pause without answers.
    expect(performance.now() - startedAtMs).toBeLessThan(AT_ONCE_MS);
    expect(answers.sort()).toEqual(['0', '1', '2']);
    // There are three answers, and never a fourth one. On a busy machine some of them come after the timeout.
    await until(async () => {
      const more: string[] = [];
      const failure = await failureOf(
        coordinator.askAll('query.a', encode('?'), { timeoutMs: 200 }, (answer) => more.push(decode(answer)) === 4),
      );
      expect(failure).toMatchObject({ reason: 'timeout', message: 'no answer at query.a within 200 ms' });
      return more.length === 3;
    });
  });

  test('fail at once when there is no receiver', async () => {
    await using setting = await startSetting();
    const coordinator = await setting.connect();
    const one = await failureOf(coordinator.ask('nothing', encode('?'), SOON));
    expect(one).toMatchObject({ reason: 'no-receiver' });
    const all = await failureOf(coordinator.askAll('nothing', encode('?'), SOON, () => true));
    expect(all).toMatchObject({ reason: 'no-receiver' });
    expect(one.afterMs + all.afterMs).toBeLessThan(AT_ONCE_MS);
    // An answer without content is an answer.
    const worker = await setting.connect();
    worker.watch('empty', {}, ({ respond }) => respond(new Uint8Array()));
    await settle(worker);
    expect(await coordinator.ask('empty', encode('?'), SOON)).toEqual(new Uint8Array());
  });

  test('end with timeout and with aborted, and ignore answers after that', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    const waiting: ((data: Uint8Array) => void)[] = [];
    worker.watch('slow', {}, ({ respond }) => void waiting.push(respond));
    await settle(worker);
    expect(await failureOf(coordinator.ask('slow', encode('1'), { timeoutMs: 50 }))).toMatchObject({
      reason: 'timeout',
    });
    const controller = new AbortController();
    const asked = failureOf(coordinator.ask('slow', encode('2'), { timeoutMs: 10_000, signal: controller.signal }));
    controller.abort();
    expect(await asked).toMatchObject({ reason: 'aborted' });
    expect(
      await failureOf(coordinator.ask('slow', encode('3'), { ...SOON, signal: AbortSignal.abort() })),
    ).toMatchObject({
      reason: 'aborted',
    });
    // A wait without an end is one that Node's timers can express.
    const patient = coordinator.ask('slow', encode('4'), { timeoutMs: Infinity });
    await until(() => waiting.length === 3);
    for (const respond of waiting) respond(encode('late'));
    expect(decode(await patient)).toBe('late');
  });

  test('that are too large are refused before they are sent, as questions and as answers', async () => {
    await using setting = await startSetting({ config: 'max_payload: 2048' });
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    expect(coordinator.maxPayloadBytes).toBe(2048);
    const warnings: Error[] = [];
    const listener = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listener);
    worker.watch('jobs', {}, ({ data, respond }) => respond(new Uint8Array(data.byteLength + 1)));
    await settle(worker);
    const sizes = [2047, 2048, 2049].map((bytes) => new Uint8Array(bytes));
    const [fits, grows, large] = sizes as [Uint8Array, Uint8Array, Uint8Array];
    expect(await coordinator.ask('jobs', fits, SOON)).toHaveLength(2048);
    const answer = await failureOf(coordinator.ask('jobs', grows, { timeoutMs: 300 }));
    expect(answer).toMatchObject({ reason: 'timeout' });
    const message = 'expected a message of at most 2048 bytes, got 2049';
    expect(await failureOf(coordinator.ask('jobs', large, SOON))).toMatchObject({ reason: 'too-large', message });
    expect(() => coordinator.send('jobs', large)).toThrow(new TransportError('too-large', message));
    expect(decode(await coordinator.ask('jobs', encode(''), SOON))).toBe('\0');
    expect([worker.connected, coordinator.connected]).toEqual([true, true]);
    process.off('warning', listener);
    expect(warnings.map((warning) => warning.message)).toEqual([`an answer was not sent: TransportError: ${message}`]);
  });

  test('survive a handler that throws and one that answers twice', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    const warnings: Error[] = [];
    const listener = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listener);
    worker.watch('throws', {}, () => {
      throw new Error('a mistake');
    });
    worker.watch('twice', {}, ({ respond }) => {
      respond(encode('first'));
      respond(encode('second'));
    });
    await settle(worker);
    expect(await failureOf(coordinator.ask('throws', encode('?'), { timeoutMs: 100 }))).toMatchObject({
      reason: 'timeout',
    });
    await until(async () => {
      const answers: string[] = [];
      await failureOf(
        coordinator.askAll('twice', encode('?'), { timeoutMs: 200 }, (data) => answers.push(decode(data)) === 2),
      );
      expect(['first', undefined]).toContain(answers[0]);
      return answers.length === 1;
    });
    // Of a callback of the asker, the question fails.
    const mistake = coordinator.askAll('twice', encode('?'), SOON, () => {
      throw new RangeError('a mistake');
    });
    await expect(mistake).rejects.toThrow(RangeError);
    process.off('warning', listener);
    expect(warnings.map((warning) => warning.message)).toEqual(['the handler of throws threw Error: a mistake']);
  });

  test('no longer reach a handler after its watch has ended', async () => {
    await using setting = await startSetting();
    const [worker, coordinator] = [await setting.connect(), await setting.connect()];
    const end = worker.watch('jobs', {}, ({ respond }) => respond(encode('here')));
    await settle(worker);
    expect(decode(await coordinator.ask('jobs', encode('?'), SOON))).toBe('here');
    end();
    end();
    await settle(worker);
    expect(await failureOf(coordinator.ask('jobs', encode('?'), SOON))).toMatchObject({ reason: 'no-receiver' });
    expect(() => worker.watch('jobs', { queue: 'a b' }, () => undefined)).toThrow(TypeError);
    expect(() => coordinator.send('a b', encode('?'))).toThrow('illegal subject');
  });
});
