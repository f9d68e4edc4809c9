import { createCpuBackend } from '@gearshift/backend-cpu';
import { createMatrix, unwrap, type SyncBackend } from '@gearshift/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShardSpec } from '../src/messages/shard-spec.js';
import { decodeQuery, encodeQuery, QueryMemory, type ShardQuery } from '../src/wire/query.js';
import { computeAnswer, computeNow, isShortScan } from '../src/worker/compute-answer.js';
import type { HeldShard } from '../src/worker/held-shard.js';

const ROWS = 500;
const DIMENSIONS = 24;
const FIRST_ROW = 320;
const MOST_BYTES = 2 ** 20;

const values = Float32Array.from({ length: ROWS * DIMENSIONS }, (_, i) => Math.sin(i * i));
const spec: ShardSpec = {
  key: 'm1',
  generation: 7,
  shard: 1,
  shards: 2,
  kind: 'matrix',
  start: FIRST_ROW,
  end: FIRST_ROW + ROWS,
  rows: FIRST_ROW + ROWS,
  dimensions: DIMENSIONS,
  dtype: 'float32',
  scale: undefined,
  edges: 0,
};
const shard: HeldShard = {
  spec,
  operand: { kind: 'matrix', matrix: createMatrix(values, { dimensions: DIMENSIONS }), firstRow: FIRST_ROW },
  bytes: values.byteLength,
  load: undefined,
  files: undefined,
  isRetired: false,
  close: () => undefined,
  dispose: () => undefined,
  lastUsedMs: 0,
  uses: 0,
};
const topK: ShardQuery = {
  key: 'm1',
  operation: 'top-k',
  metric: 'cosine',
  shard: 1,
  budgetMs: 1000,
  id: 1,
  generation: 7,
  decay: 0,
  retention: 0,
  threshold: 0,
  k: 12,
  queries: 2,
  dimensions: DIMENSIONS,
  start: 100,
  end: FIRST_ROW + 400,
  filter: 'all',
  rows: new Uint32Array(),
  traceId: new Uint8Array(16),
  numbers: Float32Array.from({ length: 2 * DIMENSIONS }, (_, i) => Math.cos(i)),
};

describe('an answer that is computed at once', () => {
  let backend: SyncBackend;
  beforeAll(async () => {
    backend = unwrap(await createCpuBackend({ threads: 1 }));
  });
  afterAll(() => backend.close());

  it.each<[string, Partial<ShardQuery>]>([
    ['a ranking', {}],
    ['a ranking by distance', { metric: 'euclidean' }],
    ['a ranking of candidates', { filter: 'candidates', rows: Uint32Array.of(200, 330, 331, 700) }],
    [
      'a ranking of a set',
      { filter: 'set', rows: new Uint32Array(Math.ceil((FIRST_ROW + 300) / 32)).fill(0xa5a5_0f0f) },
    ],
    ['scores', { operation: 'cosine-similarity', k: 0 }],
    ['a query of other dimensions', { dimensions: 12, queries: 4 }],
  ])('has the bits of one that is waited for: %s', async (_, changed) => {
    const query = { ...topK, ...changed };
    const now = computeNow(backend, shard, query, MOST_BYTES);
    const later = await computeAnswer(backend, shard, query, MOST_BYTES, new AbortController().signal);
    const { times: _now, ...answer } = now;
    const { times: _later, ...expected } = later;
    expect(answer).toEqual(expected);
  });

  it('is refused when it does not fit in a message, and when memory was detached', () => {
    expect(computeNow(backend, shard, topK, 100)).toEqual({ status: 'invalid-input', count: 0 });
    const detached = new Float32Array(2 * DIMENSIONS);
    structuredClone(detached, { transfer: [detached.buffer] });
    expect(computeNow(backend, shard, { ...topK, numbers: detached }, MOST_BYTES).status).toBe('invalid-input');
  });

  it('is one of a short scan: of few rows, few vectors, or few candidates', () => {
    const large: HeldShard = { ...shard, spec: { ...spec, dimensions: 2048, end: FIRST_ROW + 513 } };
    expect(isShortScan({ ...topK, queries: 1, start: 0, end: FIRST_ROW + 512 }, large)).toBe(false);
    expect(isShortScan({ ...topK, queries: 1, start: FIRST_ROW + 1, end: FIRST_ROW + 513 }, large)).toBe(true);
    expect(isShortScan({ ...topK, queries: 2, start: FIRST_ROW + 1, end: FIRST_ROW + 513 }, large)).toBe(false);
    const few = { filter: 'candidates', rows: Uint32Array.of(400) } as const;
    expect(isShortScan({ ...topK, ...few, queries: 2, start: 0, end: FIRST_ROW + 513 }, large)).toBe(true);
    expect(isShortScan({ ...topK, operation: 'spread-activation' }, shard)).toBe(false);
  });
});

describe('memory for query vectors', () => {
  it('is used again by the next query, and is as if each had its own', () => {
    const memory = new QueryMemory();
    const decoded = [1, 2, 3].map((scale) => {
      const numbers = topK.numbers.map((value) => value * scale);
      const query = decodeQuery(encodeQuery({ ...topK, numbers }), memory);
      if (typeof query === 'string') throw new Error(query);
      expect(query.numbers).toEqual(numbers);
      return query.numbers;
    });
    expect(decoded[0].buffer).toBe(decoded[2].buffer);
    const own = decodeQuery(encodeQuery(topK));
    if (typeof own === 'string') throw new Error(own);
    expect(own.numbers.buffer).not.toBe(decoded[0].buffer);
  });

  it('grows, and is not kept when it is very large', () => {
    const memory = new QueryMemory();
    expect(memory.take(5000)).toHaveLength(5000);
    const large = memory.take(2 ** 18 + 1);
    expect(large).toHaveLength(2 ** 18 + 1);
    expect(memory.take(1).buffer).not.toBe(large.buffer);
  });
});
