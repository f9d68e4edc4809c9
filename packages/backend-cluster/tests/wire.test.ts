import { effort, seedOr } from '@gearshift/vitest-config/effort';
import { METRICS } from '@gearshift/contracts';
import { createRandom, type SeededRandom } from '@gearshift/testing';
import { describe, expect, it } from 'vitest';
import {
  decodeAnnouncement,
  encodeAnnouncement,
  mostHeldShards,
  type Announcement,
} from '../src/messages/announcement.js';
import { decodeDropOrder, decodeLoadAnswer, decodeLoadOrder, encodeLoadOrder } from '../src/messages/load-order.js';
import { decodeAnswerHeader, encodeAnswer, readAnswer, type AnswerHeader } from '../src/wire/answer.js';
import { decodePiece, encodePiece, PIECE_HEADER_BYTES } from '../src/wire/push-piece.js';
import { decodeQuery, encodeQuery, QUERY_HEADER_BYTES, type ShardQuery } from '../src/wire/query.js';

const ROUNDS = effort({ test: 20_000, ci: 200_000 });

function queryOf(fields: Partial<ShardQuery> = {}): ShardQuery {
  return {
    key: 'm1',
    operation: 'top-k',
    metric: 'dot',
    shard: 3,
    budgetMs: 250,
    id: 2 ** 52 + 1,
    generation: 2 ** 40 + 7,
    decay: 0,
    retention: 0,
    threshold: 0,
    k: 2,
    queries: 2,
    dimensions: 3,
    start: 10,
    end: 90,
    filter: 'all',
    rows: new Uint32Array(0),
    traceId: Uint8Array.from({ length: 16 }, (_, i) => i),
    numbers: Float32Array.of(1, 2, 3, 4, NaN, 6),
    ...fields,
  };
}

function headerOf(fields: Partial<AnswerHeader> = {}): AnswerHeader {
  const { operation, shard, id, generation, queries, start, end } = queryOf();
  const times = { kernelMs: 1.5, queueMs: 0.25, underWay: 4 };
  return {
    status: 'ok',
    operation,
    shard,
    id,
    generation,
    instance: 99,
    queries,
    start,
    end,
    count: 2,
    ...times,
    ...fields,
  };
}

const INDICES = Uint32Array.of(12, 11, 40, 20);
const SCORES = Float32Array.of(9, 8, 7, NaN);

/** The bytes in memory with other bytes around, at an odd offset: none of those may be read. */
function embedded(bytes: Uint8Array): Uint8Array {
  const around = new Uint8Array(bytes.length + 64).fill(0xaa);
  around.set(bytes, 13);
  return around.subarray(13, 13 + bytes.length);
}

/** Flips, cuts, extends, or overwrites with numbers at the limits. */
function mutated(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const kind = random.integer(5);
  if (kind === 0) return bytes.slice(0, random.integer(bytes.length + 1));
  if (kind === 1)
    return Uint8Array.from([...bytes, ...Array.from({ length: 1 + random.integer(40) }, () => random.integer(256))]);
  const copy = bytes.slice();
  if (kind === 2)
    for (let i = 0; i < 1 + random.integer(3); i++) copy[random.integer(copy.length)] = random.integer(256);
  else if (copy.length >= 4) {
    const limits = [0, 1, 0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0x4000_0000, 65_537];
    const at = random.integer(copy.length - 3);
    new DataView(copy.buffer).setUint32(at, limits[random.integer(limits.length)], true);
  } else copy[0] ^= 1;
  return copy;
}

describe('queries', () => {
  it('are the same after they were encoded and decoded, with every filter', () => {
    const spread = {
      operation: 'spread-activation',
      k: 0,
      queries: 1,
      dimensions: 6,
      decay: 0.5,
      retention: -2,
      threshold: 0.1,
    } as const;
    for (const query of [
      queryOf(),
      queryOf({ key: 'k'.repeat(64) }),
      queryOf({ filter: 'candidates', rows: Uint32Array.of(10, 12, 89) }),
      queryOf({ filter: 'set', rows: Uint32Array.of(5, 6, 7) }),
      queryOf({ operation: 'cosine-similarity', k: 0 }),
      queryOf(spread),
    ]) {
      expect(decodeQuery(embedded(encodeQuery(query)))).toEqual(query);
    }
  });

  it('are refused when a number is out of its bounds', () => {
    for (const fields of [
      { k: 0 },
      { k: 2 ** 24 + 1 },
      { operation: 'cosine-similarity', k: 1 },
      { queries: 0, numbers: new Float32Array(0) },
      { queries: 1 },
      { dimensions: 0, numbers: new Float32Array(0) },
      { start: 91 },
      { id: 0.5 },
      { generation: NaN },
      { decay: Infinity },
      { threshold: -1 },
      { key: '' },
      { key: 'a.b' },
      { filter: 'candidates' },
      { filter: 'candidates', rows: Uint32Array.of(9) },
      { filter: 'candidates', rows: Uint32Array.of(90) },
      { filter: 'candidates', rows: Uint32Array.of(20, 20) },
      { filter: 'candidates', rows: Uint32Array.of(20, 19) },
      { filter: 'set', rows: Uint32Array.of(1, 2) },
      { filter: 'all', rows: Uint32Array.of(1) },
      { operation: 'spread-activation', k: 0, queries: 1, dimensions: 6, filter: 'set', rows: new Uint32Array(3) },
    ] as Partial<ShardQuery>[]) {
      expect(decodeQuery(encodeQuery(queryOf(fields))), JSON.stringify(fields)).toBeTypeOf('string');
    }
  });

  it('that are random or changed never throw, and what is decoded is within the bounds', () => {
    const random = createRandom(seedOr(900));
    const valid = [
      queryOf(),
      queryOf({ filter: 'candidates', rows: Uint32Array.of(10, 12, 89) }),
      queryOf({ filter: 'set', rows: Uint32Array.of(5, 6, 7) }),
    ].map(encodeQuery);
    let accepted = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const isRandom = round % 8 === 0;
      const bytes = isRandom
        ? Uint8Array.from({ length: random.integer(300) }, () => random.integer(256))
        : mutated(valid[round % valid.length], random);
      const query = decodeQuery(embedded(bytes));
      if (typeof query === 'string') continue;
      accepted += 1;
      expect(query.numbers.length).toBe(query.queries * query.dimensions);
      expect(bytes.length).toBe(QUERY_HEADER_BYTES + query.numbers.byteLength + query.rows.byteLength);
      expect(query.start).toBeLessThanOrEqual(query.end);
      expect(METRICS).toContain(query.metric);
      // Nothing was lost or read from elsewhere.
      expect(encodeQuery({ ...query, budgetMs: Math.max(1, query.budgetMs) }).length).toBe(bytes.length);
    }
    expect(accepted).toBeGreaterThan(ROUNDS / 100);
  });
});

describe('answers', () => {
  const expectation = { query: queryOf(), shard: 3, start: 10, end: 90, count: 2 };
  const read = (bytes: Uint8Array) => {
    const header = decodeAnswerHeader(embedded(bytes));
    return typeof header === 'string' ? header : readAnswer(embedded(bytes), header, expectation);
  };

  it('are the same after they were encoded and decoded', () => {
    expect(read(encodeAnswer(headerOf(), INDICES, SCORES))).toEqual({
      header: headerOf(),
      indices: INDICES,
      scores: SCORES,
    });
  });

  it.each<[string, Partial<AnswerHeader>, number[]?, number[]?]>([
    ['another query', { id: 5 }],
    ['another generation', { generation: 8 }],
    ['another shard', { shard: 4 }],
    ['another operation', { operation: 'cosine-similarity' }],
    ['another start', { start: 11 }],
    ['another end', { end: 89 }],
    ['another number of queries', { queries: 1 }],
    ['fewer entries', { count: 1 }],
    ['a row before the shard', {}, [12, 9, 40, 20]],
    ['a row after the shard', {}, [12, 90, 40, 20]],
    ['a row twice', {}, [12, 12, 40, 20], [9, 9, 7, NaN]],
    ['worse rows first', {}, [12, 11, 40, 20], [8, 9, 7, NaN]],
    ['ties by higher row', {}, [12, 11, 40, 20], [9, 9, 7, NaN]],
    ['NaN first', {}, [12, 11, 40, 20], [NaN, 9, 7, NaN]],
    ['too few scores', {}, [12, 11, 40, 20], [9, 8, 7]],
    ['too many scores', {}, [12, 11, 40, 20], [9, 8, 7, 6, 5]],
  ])('are refused for %s', (_, fields, indices = [...INDICES], scores = [...SCORES]) => {
    const bytes = encodeAnswer(headerOf(fields), Uint32Array.from(indices), Float32Array.from(scores));
    expect(read(bytes)).toBeTypeOf('string');
  });

  it('are refused for rows outside of the filter', () => {
    for (const [filter, rows] of [
      ['candidates', Uint32Array.of(11, 12, 20)],
      ['set', Uint32Array.of((1 << 1) | (1 << 2) | (1 << 10), 0, 0)],
    ] as const) {
      const query = queryOf({ filter, rows });
      const wrong = encodeAnswer(headerOf(), INDICES, SCORES);
      expect(readAnswer(wrong, headerOf(), { ...expectation, query })).toMatch(/row 40, which is not in the request/);
      const right = encodeAnswer(headerOf(), Uint32Array.of(12, 11, 11, 20), SCORES);
      expect(readAnswer(right, headerOf(), { ...expectation, query })).toBeTypeOf('object');
    }
  });

  it('that are random or changed never throw, and only right ones are taken', () => {
    const random = createRandom(seedOr(901));
    const valid = encodeAnswer(headerOf(), INDICES, SCORES);
    let accepted = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const isRandom = round % 8 === 0;
      const bytes = isRandom
        ? Uint8Array.from({ length: random.integer(200) }, () => random.integer(256))
        : mutated(valid, random);
      const answer = read(bytes);
      if (typeof answer === 'string') continue;
      accepted += 1;
      expect(bytes.length).toBe(valid.length);
      for (const row of answer.indices) expect(row >= 10 && row < 90).toBe(true);
      expect(answer.indices.length).toBe(4);
    }
    expect(accepted).toBeGreaterThan(0);
  });
});

describe('pieces', () => {
  it('are the same after they were encoded and decoded, and refused after any change', () => {
    const random = createRandom(seedOr(902));
    const piece = { load: 2 ** 47 + 3, index: 5, contents: Uint8Array.of(1, 2, 3, 4, 5) };
    const valid = encodePiece(piece);
    expect(decodePiece(embedded(valid))).toEqual(piece);
    for (let round = 0; round < ROUNDS / 10; round++) {
      const bytes = mutated(valid, random);
      if (Buffer.compare(bytes, valid) === 0) continue;
      expect(decodePiece(embedded(bytes))).toBeTypeOf('string');
    }
    expect(decodePiece(new Uint8Array(PIECE_HEADER_BYTES))).toBeTypeOf('string');
  });
});

describe('messages in JSON', () => {
  const spec = {
    key: 'm1',
    generation: 5,
    shard: 1,
    shards: 2,
    kind: 'matrix',
    start: 32,
    end: 64,
    rows: 64,
    dimensions: 3,
    dtype: 'int8',
    scale: 0.5,
    edges: 0,
  } as const;
  const announcement: Announcement = {
    worker: 'w1',
    instance: 7,
    sequence: 8,
    profile: 'avx2 0.0.0',
    freeBytes: 9,
    maxBytes: 10,
    isDraining: false,
    underWay: 1,
    shards: [spec],
  };

  it('are the same after they were encoded and decoded', () => {
    expect(decodeAnnouncement(encodeAnnouncement(announcement))).toEqual(announcement);
    for (const source of [
      { kind: 'files', files: ['a/b'] },
      { kind: 'push', load: 4, pieceBytes: 1000 },
    ] as const) {
      expect(decodeLoadOrder(encodeLoadOrder({ spec, source }))).toEqual({ spec, source });
    }
  });

  it('have room for as many shards as a worker may hold', () => {
    const most = { ...spec, key: 'k'.repeat(64), generation: Number.MAX_SAFE_INTEGER, shard: 65_534, shards: 65_535 };
    const large = {
      ...most,
      start: 2 ** 32 - 3,
      end: 2 ** 32 - 2,
      rows: 2 ** 32 - 1,
      dimensions: 2 ** 20,
      scale: 1.401298464324817e-45,
      copies: 2 ** 16,
      label: 'l'.repeat(64),
    };
    for (const maxPayloadBytes of [1024, 4096, 2 ** 20]) {
      const shards = Array.from({ length: mostHeldShards(maxPayloadBytes) }, () => large);
      const worker = 'w'.repeat(64);
      const profile = 'p'.repeat(100);
      const fullest = {
        ...announcement,
        worker,
        profile,
        instance: 2 ** 48,
        sequence: 2 ** 40,
        freeBytes: 2 ** 52,
        shards,
      };
      expect(encodeAnnouncement(fullest).byteLength).toBeLessThanOrEqual(maxPayloadBytes);
    }
  });

  it('name the field that is wrong', () => {
    const decode = (change: object) =>
      decodeLoadOrder(
        new TextEncoder().encode(
          JSON.stringify({ spec: { ...spec, ...change }, source: { kind: 'files', files: ['a'] } }),
        ),
      );
    expect(decode({ end: 65 })).toMatch(/^message\.spec\.end: expected an integer from 1 to 64, got 65/);
    expect(decode({ start: 64 })).toMatch(/^message\.spec\.start: /);
    expect(decode({ shard: 2 })).toMatch(/^message\.spec\.shard: /);
    expect(decode({ key: 'a.*' })).toMatch(/^message\.spec\.key: expected a token/);
    expect(decode({ copies: 0 })).toMatch(/^message\.spec\.copies: expected an integer from 1 to 65536, got 0/);
    expect(decode({ dtype: 'float64' })).toMatch(/^message\.spec\.dtype: /);
    expect(decode({ scale: 'a' })).toMatch(/^message\.spec\.scale: /);
    expect(decode({ dimensions: 2 ** 21 })).toMatch(/^message\.spec\.dimensions: /);
  });

  it('that are random or changed never throw', () => {
    const random = createRandom(seedOr(903));
    const valid = encodeAnnouncement(announcement);
    const decoders = [decodeAnnouncement, decodeLoadOrder, decodeDropOrder, decodeLoadAnswer];
    let refused = 0;
    for (let round = 0; round < ROUNDS / 10; round++) {
      const bytes = mutated(valid, random);
      for (const decode of decoders) if (typeof decode(embedded(bytes)) === 'string') refused += 1;
    }
    expect(refused).toBeGreaterThan(ROUNDS / 10);
  });
});
