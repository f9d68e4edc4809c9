import { expect, test } from 'vitest';
import {
  createClusterBackend,
  createClusterWorker,
  InMemoryNetwork,
  type ClusterBackendOptions,
} from '../src/index.js';

const transport = new InMemoryNetwork().connect('c1');
const WRONG: readonly [string, Partial<ClusterBackendOptions>, string][] = [
  ['neither', {}, 'servers: expected the servers of NATS, or a transport, got undefined'],
  ['both', { transport, servers: '127.0.0.1:4222' }, 'servers: expected nothing beside a transport, got both'],
  ['a transport and tls', { transport, tls: false }, 'tls: expected nothing beside a transport, got both'],
  ['servers without tls', { servers: '127.0.0.1:4222' }, 'tls: expected { caFile }'],
  ['plain text to another machine', { servers: 'far.example', tls: false }, 'tls: expected { caFile } for far.example'],
  ['what is no transport', { transport: {} as never }, 'transport: expected a ClusterTransport'],
];

test.for(WRONG)('a backend and a worker refuse %s as their connection', async ([, options, message]) => {
  await expect(createClusterBackend({ name: 'corpus', ...options })).rejects.toThrow(message);
  await expect(createClusterWorker({ name: 'corpus', worker: 'w1', ...options })).rejects.toThrow(message);
});

test('a backend and a worker say when no server is there', async () => {
  const nowhere = { name: 'corpus', servers: '127.0.0.1:1', tls: false } as const;
  await expect(createClusterBackend(nowhere)).rejects.toThrow('no connection to NATS: 127.0.0.1:1');
  await expect(createClusterWorker({ ...nowhere, worker: 'w1' })).rejects.toThrow('no connection to NATS: 127.0.0.1:1');
});
