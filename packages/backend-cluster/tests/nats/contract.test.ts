import * as clusterPackage from '@gearshift/backend-cluster';
import type { Backend } from '@gearshift/contracts';
import {
  createAuthority,
  createPartyKey,
  startNatsServer,
  type NatsServer,
  type PartyKey,
  type TestAuthority,
} from '@gearshift/nats-server';
import { describeBackendContract } from '@gearshift/testing/vitest';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { natsPermissions } from '../../src/security/nats-permissions.js';
import { connectNats } from '../../src/transport/nats/connect-nats.js';
import type { ClusterTransport } from '../../src/transport/transport.js';
import { lacksServer, needs } from './server.js';

const NAMES = ['w0', 'w1', 'w2'] as const;

/** What the package makes. */
interface Parts {
  createClusterBackend(options: object): Promise<{ readonly ok: true; readonly value: Backend }>;
  createClusterWorker(options: object): Promise<{ close(): Promise<void> }>;
}
const parts = clusterPackage as object as Partial<Parts>;
const { createClusterBackend, createClusterWorker } = parts;

if (lacksServer || createClusterBackend === undefined || createClusterWorker === undefined) {
  const reason = lacksServer ? needs : ' (needs createClusterBackend)';
  test.skip(`the contract of backends over NATS${reason}`, () => undefined);
} else {
  describe('over NATS, with TLS, nkeys and permissions', () => {
    const keys = new Map<string, PartyKey>(['c', ...NAMES].map((name) => [name, createPartyKey()]));
    const keyOf = (name: string): PartyKey => keys.get(name) ?? createPartyKey();
    const denials: string[] = [];
    const onWarning = (warning: Error): void => void denials.push(warning.message);
    let authority: TestAuthority;
    let server: NatsServer;
    const ends: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      authority = await createAuthority();
      const config = natsPermissions({
        name: 'test',
        coordinators: [keyOf('c').publicKey],
        workers: NAMES.map((name) => ({ name, publicKey: keyOf(name).publicKey })),
      });
      server = await startNatsServer({ tls: authority.certify('DNS:localhost'), config });
      process.on('warning', onWarning);
    });
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
      expect(denials).toEqual([]);
    });
    afterAll(async () => {
      process.off('warning', onWarning);
      await server[Symbol.asyncDispose]();
      await authority[Symbol.asyncDispose]();
    });

    const connect = (name: string): Promise<ClusterTransport> =>
      connectNats({
        servers: server.url,
        name: 'test',
        tls: { caFile: authority.caFile },
        credentials: { nkeySeed: keyOf(name).seed },
      });

    describeBackendContract(`a cluster of ${NAMES.length}`, async () => {
      for (const worker of NAMES) {
        const options = { transport: await connect(worker), name: 'test', worker, threads: 1, maxBytes: 2 ** 28 };
        const running = await createClusterWorker(options);
        ends.push(() => running.close());
      }
      const transport = await connect('c');
      const options = { transport, name: 'test', leastWorkers: NAMES.length, discoverMs: 10_000 };
      const { value } = await createClusterBackend(options);
      ends.push(() => value.close());
      return value;
    });
  });
}
