import { expect, test } from 'vitest';
import { startHealthServer } from '../src/cluster/health-server.js';

test('answers whether a worker is alive and ready', async () => {
  const shard = { key: 'm1', generation: 7, shard: 0, shards: 1, rows: 10, start: 0, end: 10 };
  const common = { freeBytes: 1, maxBytes: 1, underWay: 0, profile: 'avx2' };
  let state = { ...common, isDraining: false, shards: [shard] };
  const connection = { connected: true };
  let loading = 0;
  let nowMs = 1000;
  const worker = {
    describe: () => state,
    get loading() {
      return loading;
    },
  };
  const health = await startHealthServer({ host: '127.0.0.1', port: 0 }, worker, connection, () => nowMs);
  const ask = async (path: string): Promise<string> => {
    const response = await fetch(`http://${health.address}${path}`);
    return `${response.status} ${(await response.text()).trim()}`;
  };
  try {
    expect(await ask('/live')).toBe('200 alive');
    expect(await ask('/ready')).toBe('200 ready');
    expect(await ask('/ready?matrix=m1')).toBe('200 ready');
    expect(await ask('/ready?matrix=m1&generation=7')).toBe('200 ready');
    expect(await ask('/ready?matrix=m1&generation=8')).toBe('503 no shard of m1 in generation 8');
    expect(await ask('/ready?matrix=m2')).toBe('503 no shard of m2');
    loading = 2;
    expect(await ask('/ready')).toBe('503 2 shards are being loaded');
    expect(await ask('/ready?matrix=m1')).toBe('503 2 shards are being loaded');
    loading = 0;
    // Other workers hold it: a rollout must not wait for ever.
    nowMs += 29_999;
    expect(await ask('/ready?matrix=m2')).toBe('503 no shard of m2');
    nowMs += 1;
    expect(await ask('/ready?matrix=m2')).toBe('200 ready');
    loading = 1;
    expect(await ask('/ready?matrix=m2')).toBe('503 1 shard is being loaded');
    loading = 0;
    expect(await ask('/')).toBe('404 expected /live or /ready');
    connection.connected = false;
    expect(await ask('/ready')).toBe('503 no connection to NATS');
    expect(await ask('/live')).toBe('200 alive');
    connection.connected = true;
    state = { ...state, isDraining: true };
    expect(await ask('/ready')).toBe('503 about to leave');
  } finally {
    health.close();
  }
  await expect(ask('/live')).rejects.toThrow();
});
