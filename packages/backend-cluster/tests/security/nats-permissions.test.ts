import { createAuthority, createPartyKey, startNatsServer, type PartyKey } from '@gearshift/nats-server';
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { natsPermissions } from '../../src/security/nats-permissions.js';
import { connectNats } from '../../src/transport/nats/connect-nats.js';
import { inboxOf } from '../../src/transport/nats/nats-options.js';
import type { ClusterTransport } from '../../src/transport/transport.js';
import { decode, encode, failureOf, lacksServer, needs, settle, until } from '../nats/server.js';

const SOON = { timeoutMs: 60_000 };
const keys = {
  coordinator: createPartyKey(),
  coordinator2: createPartyKey(),
  w0: createPartyKey(),
  w1: createPartyKey(),
  stranger: createPartyKey(),
  unknown: createPartyKey(),
};
type Party = keyof typeof keys;
/** A party of another application on the same server. */
const stranger = `{ nkey: ${keys.stranger.publicKey}, permissions: { publish: "other.>", subscribe: "other.>" } }`;
const config = natsPermissions({
  name: 'test',
  coordinators: [keys.coordinator.publicKey, keys.coordinator2.publicKey],
  workers: [
    { name: 'w0', publicKey: keys.w0.publicKey },
    { name: 'w1', publicKey: keys.w1.publicKey, shards: [1] },
  ],
  mostShardsPerWorker: 3,
}).replace('users: [', `users: [ ${stranger}`);

describe.skipIf(lacksServer)(`a NATS server with the permissions of a cluster${needs}`, () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const opened: { close(): Promise<void> }[] = [];
  const denials: string[] = [];
  const listener = ({ message, code }: Error & { code?: string }): void => {
    if (code === 'GEARSHIFT_DENIED') denials.push(message);
  };
  let caFile = '';
  let url = '';

  beforeAll(async () => {
    const authority = await createAuthority();
    const server = await startNatsServer({ tls: authority.certify('DNS:localhost'), config });
    ({ caFile } = authority);
    ({ url } = server);
    cleanups.push(async () => server[Symbol.asyncDispose]());
    cleanups.push(async () => authority[Symbol.asyncDispose]());
    process.on('warning', listener);
  });
  beforeEach(() => void denials.splice(0));
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((connection) => connection.close()));
  });
  afterAll(async () => {
    process.off('warning', listener);
    for (const cleanup of cleanups) await cleanup();
  });

  const as = async (party: Party): Promise<ClusterTransport> => {
    const credentials = { nkeySeed: keys[party].seed };
    const transport = await connectNats({ servers: url, name: 'test', tls: { caFile }, credentials });
    opened.push(transport);
    return transport;
  };
  /** Watches, and returns what is seen; the server has answered the subscription. */
  const watch = async (transport: ClusterTransport, subject: string, queue?: string): Promise<string[]> => {
    const seen: string[] = [];
    transport.watch(subject, queue === undefined ? {} : { queue }, ({ data, respond }) => {
      seen.push(decode(data));
      respond(encode(`answer of ${queue ?? subject}`));
    });
    await settle(transport);
    return seen;
  };
  const watchDenied = (subject: string): string => `the server does not let this process watch ${subject}: `;
  const sendDenied = (subject: string): string => `the server does not let this process send to ${subject}`;
  /** The refusals of a step; asking a question that has no receiver is one itself for a worker. */
  const denied = (): string[] => denials.filter((message) => !message.includes('nothing.is.here'));

  test('lets coordinators and workers do their work', async () => {
    const [coordinator, coordinator2, w0, w1] = [
      await as('coordinator'),
      await as('coordinator2'),
      await as('w0'),
      await as('w1'),
    ];
    const states = await watch(coordinator, 'gearshift.test.state.*');
    const states2 = await watch(coordinator2, 'gearshift.test.state.*');
    const asked = await watch(w0, 'gearshift.test.who');
    await watch(w0, 'gearshift.test.worker.w0.*');
    await watch(w1, 'gearshift.test.worker.w1.query');
    await watch(w0, 'gearshift.test.query.*.*', 'shard-0');
    await watch(w1, 'gearshift.test.query.*.*', 'shard-1');
    w0.send('gearshift.test.state.w0', encode('here'));
    await until(() => states.length === 1 && states2.length === 1);
    coordinator.send('gearshift.test.who', encode('?'));
    await until(() => asked.length === 1);
    for (const order of ['query', 'load', 'push', 'drop', 'cancel']) {
      const answer = await coordinator.ask(`gearshift.test.worker.w0.${order}`, encode('?'), SOON);
      expect(decode(answer)).toBe('answer of gearshift.test.worker.w0.*');
    }
    for (const transport of [coordinator, coordinator2]) {
      const answers: string[] = [];
      await transport.askAll(
        'gearshift.test.query.m1.7',
        encode('?'),
        SOON,
        (data) => answers.push(decode(data)) === 2,
      );
      expect(answers.sort()).toEqual(['answer of shard-0', 'answer of shard-1']);
    }
    // A worker that is about to leave asks coordinators whether to stay.
    const end = coordinator.watch('gearshift.test.state.*', {}, ({ respond }) => respond(encode('stay')));
    await settle(coordinator);
    const staying: string[] = [];
    await w0.askAll(
      'gearshift.test.state.w0',
      encode('leaving'),
      SOON,
      (data) => staying.push(decode(data)) > 0 && staying.includes('stay'),
    );
    end();
    expect(denied()).toEqual([]);
  });

  test('lets a party with an unknown key or without one not in', async () => {
    await expect(as('unknown')).rejects.toMatchObject({ problem: 'authorization' });
    const open = connectNats({ servers: url, name: 'test', tls: { caFile } });
    await expect(open).rejects.toMatchObject({ problem: 'authorization' });
  });

  test.each([
    ['stranger', 'gearshift.test.query.*.*', undefined],
    ['stranger', 'gearshift.test.query.*.*', 'shard-0'],
    ['stranger', 'gearshift.test.state.*', undefined],
    ['stranger', '>', undefined],
    ['w0', 'gearshift.test.query.*.*', undefined],
    ['w1', 'gearshift.test.query.*.*', 'shard-0'],
    ['w0', 'gearshift.test.worker.w1.query', undefined],
    ['w0', 'gearshift.test.worker.*.*', undefined],
    ['w0', 'gearshift.test.>', undefined],
    ['w0', 'gearshift.test.state.*', undefined],
    ['w0', `${inboxOf('test', keys.coordinator.publicKey)}.>`, undefined],
    ['coordinator2', `${inboxOf('test', keys.coordinator.publicKey)}.>`, undefined],
    ['w0', `${inboxOf('test', keys.w1.publicKey)}.>`, undefined],
    ['coordinator', `${inboxOf('test', keys.w1.publicKey)}.>`, undefined],
    ['coordinator2', 'gearshift.test.inbox.>', undefined],
    ['coordinator', 'gearshift.test.query.*.*', undefined],
  ] as const)('lets %s not read %s in queue %s', async (party, subject, queue) => {
    const [eavesdropper, coordinator, w1] = [await as(party), await as('coordinator'), await as('w1')];
    await watch(w1, 'gearshift.test.query.*.*', 'shard-1');
    await watch(w1, 'gearshift.test.worker.w1.query');
    const seen = await watch(eavesdropper, subject, queue);
    await until(() => denied().length > 0);
    expect(denied()).toEqual([expect.stringContaining(watchDenied(subject))]);
    for (let count = 0; count < 10; count++) {
      await coordinator.askAll('gearshift.test.query.m1.7', encode('secret'), SOON, () => true);
      await coordinator.ask('gearshift.test.worker.w1.query', encode('secret'), SOON);
    }
    await settle(eavesdropper);
    expect(seen).toEqual([]);
  });

  test.each([
    ['stranger', 'gearshift.test.worker.w1.load'],
    ['w0', 'gearshift.test.worker.w1.load'],
    ['w0', 'gearshift.test.worker.w0.load'],
    ['w0', 'gearshift.test.worker.w1.drop'],
    ['w0', 'gearshift.test.worker.w1.query'],
    ['w0', 'gearshift.test.query.m1.7'],
    ['w0', 'gearshift.test.who'],
    ['w0', 'gearshift.test.state.w1'],
    ['coordinator', 'gearshift.test.state.w1'],
    ['coordinator', 'gearshift.test.worker.w1.shell'],
    ['w0', `${inboxOf('test', keys.coordinator.publicKey)}.guess.0`],
  ] as const)('lets %s not send to %s', async (party, subject) => {
    const [sender, coordinator, w1] = [await as(party), await as('coordinator'), await as('w1')];
    const orders = await watch(w1, 'gearshift.test.worker.w1.*');
    const states = await watch(coordinator, 'gearshift.test.state.*');
    sender.send(subject, encode('forged'));
    await until(() => denied().length === 1);
    expect(denied()).toEqual([sendDenied(subject)]);
    // A question fails at once: as one that must not be sent, or because its answer must not be read.
    const asked = await failureOf(sender.ask(subject, encode('forged'), SOON));
    expect(asked).toMatchObject({ reason: 'denied', message: expect.stringContaining('the server does not let') });
    expect(asked.afterMs).toBeLessThan(SOON.timeoutMs / 2);
    await settle(w1);
    await settle(coordinator);
    expect([...orders, ...states]).toEqual([]);
  });

  test('lets a worker answer for each of its shards', async () => {
    const [coordinator, w0] = [await as('coordinator'), await as('w0')];
    for (let shard = 0; shard < 3; shard++) await watch(w0, 'gearshift.test.query.m1.7', `shard-${shard}`);
    for (let count = 0; count < 100; count++) {
      const answers: string[] = [];
      await coordinator.askAll(
        'gearshift.test.query.m1.7',
        encode('?'),
        SOON,
        (data) => answers.push(decode(data)) === 3,
      );
      expect(answers.sort()).toEqual(['answer of shard-0', 'answer of shard-1', 'answer of shard-2']);
    }
    expect(denied()).toEqual([]);
  });

  test('lets a worker answer a question at most once for each shard', async () => {
    const coordinator = await as('coordinator');
    const seed = new TextEncoder().encode(keys.w0.seed);
    const raw = await connect({ servers: url, tls: { caFile }, authenticator: nkeyAuthenticator(seed) });
    opened.push(raw);
    raw.subscribe('gearshift.test.worker.w0.query', {
      callback: (_error, message) => {
        for (const text of ['1', '2', '3', '4', '5']) message.respond(text);
      },
    });
    await raw.flush();
    // On a busy machine some of the answers come after the timeout.
    await until(async () => {
      const answers: string[] = [];
      const asked = coordinator.askAll(
        'gearshift.test.worker.w0.query',
        encode('?'),
        { timeoutMs: 500 },
        (data) => answers.push(decode(data)) === 4,
      );
      expect(await failureOf(asked)).toMatchObject({ reason: 'timeout' });
      expect(answers).toEqual(['1', '2', '3'].slice(0, answers.length));
      return answers.length === 3;
    });
  });
});

describe('the permissions of a cluster', () => {
  const { coordinator, w0 } = keys as Record<Party, PartyKey>;
  const valid = {
    name: 'test',
    coordinators: [coordinator.publicKey],
    workers: [{ name: 'w0', publicKey: w0.publicKey }],
  };

  test('contain no secret', () => {
    for (const { seed } of Object.values(keys)) expect(config).not.toContain(seed);
  });

  test.each([
    [{ name: 'a b' }, /^name: expected 1 to 64 letters/],
    [{ mostShardsPerWorker: 0 }, /^mostShardsPerWorker: expected an integer of at least 1, got 0/],
    [{ coordinators: ['x'] }, /^coordinators\[0\]: expected the public key/],
    [{ coordinators: [w0.publicKey] }, /^the public key U\w+ is listed twice/],
    [{ workers: [{ name: 'w0', publicKey: w0.seed }] }, /^workers\[0\].publicKey: expected the public key/],
    [{ workers: [{ name: 'w.*', publicKey: w0.publicKey }] }, /^workers\[0\].name: expected 1 to 64 letters/],
    [{ workers: [{ name: 'w0', publicKey: w0.publicKey, shards: [-1] }] }, /^workers\[0\].shards\[0\]: expected/],
    [
      { workers: [keys.w1, w0].map(({ publicKey }) => ({ name: 'same', publicKey })) },
      /^the worker same is listed twice/,
    ],
  ])('are not made of wrong parties, and no message contains a seed: %o', (changed, message) => {
    expect(() => natsPermissions({ ...valid, ...changed })).toThrow(message);
    try {
      natsPermissions({ ...valid, ...changed });
    } catch (error) {
      expect(String(error)).not.toContain(w0.seed);
    }
  });
});
