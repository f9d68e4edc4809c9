import { createMatrix, createTopKOutput, DTYPES, graphFromEdges, prepareTopK, unwrap } from '@gearshift/contracts';
import { ADDON_STATUS, DTYPE_CODES } from '@gearshift/native-kit';
import { randomValues } from '@gearshift/testing';
import { expect, test } from 'vitest';
import { loadAddon } from '../src/native.js';
import { encodeContext } from '../src/addon.js';
import { BLOCK_RESULTS, openCallBlock, SCALAR } from '../src/call-block.js';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const ROWS = 30_000;
const DIMENSIONS = 256; // 30 MB: never inline
const FLOAT32 = [DTYPE_CODES.float32, 1] as const;
const query = randomValues(DIMENSIONS, 1);
const longRequest = () => {
  const values = new Float32Array(ROWS * DIMENSIONS).fill(1);
  const matrix = createMatrix(values, { dimensions: DIMENSIONS });
  return { operation: 'cosine-similarity', matrix, query: new Float32Array(DIMENSIONS).fill(1) } as const;
};

/** Resizable buffers, which TypeScript's ES2023 library does not have. */
function resizable(bytes: number): ArrayBuffer & { resize(bytes: number): void } {
  const Constructor = ArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(bytes: number): void };
  return new Constructor(bytes, { maxByteLength: bytes });
}

function detach(buffer: ArrayBufferLike): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

describeAddon('native backend with hostile memory', () => {
  test('a detached array causes a TypeError before anything runs', async () => {
    const backend = await createNativeBackend();
    const request = longRequest();
    detach(request.matrix.values.buffer);
    const output = new Float32Array(ROWS);
    expect(() => backend.cosineSimilaritySync(request, output)).toThrow(TypeError);
    await expect(backend.cosineSimilarity(request, output)).rejects.toThrow(TypeError);
    await expect(backend.makeResident(request.matrix)).rejects.toThrow(TypeError);
    await backend.close();
  });

  test('a matrix that is transferred while its copy is created causes a TypeError', async () => {
    const backend = await createNativeBackend();
    const request = longRequest();
    const answer = backend.cosineSimilarity(request, new Float32Array(ROWS));
    detach(request.matrix.values.buffer);
    await expect(answer).rejects.toThrow(TypeError);
    expect(() => backend.residency(request.matrix)).not.toThrow();
    await backend.close();
  });

  test('a matrix that is transferred after its copy was created does not affect the result', async () => {
    const backend = await createNativeBackend();
    const request = longRequest();
    unwrap(await backend.makeResident(request.matrix));
    const output = new Float32Array(ROWS);
    const answer = backend.cosineSimilarity(request, output);
    detach(request.matrix.values.buffer);
    detach(request.query.buffer);
    unwrap(await answer);
    expect(output.every((score) => Math.abs(score - 1) < 1e-5)).toBe(true);
    await backend.close();
  });

  test('an output that is transferred during the job causes a TypeError when the job ends', async () => {
    const backend = await createNativeBackend();
    const request = longRequest();
    unwrap(await backend.makeResident(request.matrix));
    const output = new Float32Array(ROWS);
    const answer = backend.cosineSimilarity(request, output);
    detach(output.buffer);
    await expect(answer).rejects.toThrow(/^output/);

    const ranked = createTopKOutput(prepareTopK({ ...request, operation: 'top-k', k: 5 }));
    const ranking = backend.topK({ ...request, operation: 'top-k', k: 5 }, ranked);
    detach(ranked.scores.buffer);
    await expect(ranking).rejects.toThrow(/^output/);
    await backend.close();
  });

  test('an output that shrinks during the job causes a TypeError when the job ends', async () => {
    const backend = await createNativeBackend();
    const request = longRequest();
    unwrap(await backend.makeResident(request.matrix));
    const buffer = resizable(ROWS * 4);
    const fixed = new Float32Array(buffer, 0, ROWS);
    const answer = backend.cosineSimilarity(request, fixed);
    buffer.resize(16);
    await expect(answer).rejects.toThrow(/^output/);

    const tracking = resizable(ROWS * 4);
    const answerToTracking = backend.cosineSimilarity(request, new Float32Array(tracking));
    tracking.resize(16);
    await expect(answerToTracking).rejects.toThrow(/^output/);
    await backend.close();
  });

  test('views over a larger buffer are read and written only within their bounds', async () => {
    const backend = await createNativeBackend();
    const all = new Float32Array(64).fill(9);
    const output = all.subarray(30, 33);
    const matrix = createMatrix(randomValues(3 * 7 + 1, 2).subarray(1), { dimensions: 7 });
    unwrap(
      backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix, query: query.subarray(3, 10) }, output),
    );
    expect(all.filter((value) => value === 9)).toHaveLength(61);
    await backend.close();
  });

  test('outputs and queries in shared memory work synchronously and asynchronously', async () => {
    const backend = await createNativeBackend();
    const request = longRequest();
    const shared = new Float32Array(new SharedArrayBuffer(DIMENSIONS * 4)).fill(1);
    const output = new Float32Array(new SharedArrayBuffer(ROWS * 4));
    unwrap(await backend.cosineSimilarity({ ...request, query: shared }, output));
    expect(output.every((score) => Math.abs(score - 1) < 1e-5)).toBe(true);
    unwrap(backend.cosineSimilaritySync({ ...request, query: shared }, output.fill(0)));
    expect(output.every((score) => Math.abs(score - 1) < 1e-5)).toBe(true);
    await backend.close();
  });

  test('a graph with arrays that changed after the check is refused without reading out of bounds', async () => {
    const backend = await createNativeBackend();
    const graph = graphFromEdges(4, [
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    const request = { operation: 'spread-activation', graph, activations: new Float32Array(4) } as const;
    unwrap(backend.spreadActivationSync(request, new Float32Array(4)));
    backend.release(graph);
    graph.columns[0] = 4_000_000;
    expect(backend.spreadActivationSync(request, new Float32Array(4))).toMatchObject({
      ok: false,
      error: { kind: 'invalid-input' },
    });
    await backend.close();
  });
});

// The addon checks the arguments of this package too, so that a mistake here cannot cause a read out of bounds.
describeAddon('arguments of the addon', () => {
  const { addon } = loadAddon();
  if (addon === null) return;
  const level = addon.levels().findIndex(({ missing }) => missing === '');
  const context = encodeContext('cosine', level, 2, 40);
  const rows = new Float32Array(32).fill(1);
  const one = new Float32Array(4).fill(1);
  const out = () => new Float32Array(8);
  const { scalars, indices } = openCallBlock(addon);
  /** Calls score() with any scalars and arrays. */
  const score = (
    context: number,
    source: unknown,
    dimensions: number,
    query: unknown,
    output: unknown,
    start: number,
    end: number,
    from: number,
    firstQuery: number,
    dtype: number = DTYPE_CODES.float32,
    scale = 1,
  ) => {
    scalars[SCALAR.context] = context;
    scalars[SCALAR.dtype] = dtype;
    scalars[SCALAR.scale] = scale;
    scalars[SCALAR.handle] = typeof source === 'number' ? source : 0;
    scalars[SCALAR.dimensions] = dimensions;
    scalars[SCALAR.start] = start;
    scalars[SCALAR.end] = end;
    scalars[SCALAR.from] = from;
    scalars[SCALAR.firstQuery] = firstQuery;
    return (addon.score as (...args: unknown[]) => number)(query, output, source);
  };

  test('the addon checks types', () => {
    expect(() => score(context, rows, 4, undefined, undefined, 0, 8, 0, 0)).toThrow(TypeError);
    expect(() => score(context, rows, 4, [1, 2, 3, 4], out(), 0, 8, 0, 0)).toThrow(TypeError);
    expect(() => score(context, rows, 4, new Float64Array(4), out(), 0, 8, 0, 0)).toThrow(TypeError);
    expect(() => score(context, rows, 4, one, new Uint32Array(8), 0, 8, 0, 0)).toThrow(TypeError);
    expect(() => score(context, 'rows', 4, one, out(), 0, 8, 0, 0)).toThrow(TypeError);
    expect(() => score(context, rows, 4, one, out(), 0, NaN, 0, 0)).toThrow(RangeError);
    expect(() => score(context, rows, 4, one, out(), 0, Infinity, 0, 0)).toThrow(RangeError);
  });

  test('the addon accepts elements only in an array of their kind, with a type and a scale that exist', () => {
    const arrays = {
      float32: [rows, new Float32Array(32)],
      float16: [new Uint16Array(32), new Uint16Array(32)],
      bfloat16: [new Uint16Array(32), new Uint16Array(32)],
      int8: [new Int8Array(32), new Int8Array(32)],
    } as const;
    const others = [
      new Uint8Array(32),
      new Uint32Array(32),
      new Int16Array(32),
      new Float64Array(32),
      new ArrayBuffer(128),
    ];
    for (const dtype of DTYPES) {
      const code = DTYPE_CODES[dtype];
      const wrong = [...others, ...Object.values(arrays).flat()].filter(
        (array) => array.constructor !== arrays[dtype][0].constructor,
      );
      const [values, same] = arrays[dtype];
      expect(score(context, values, 4, one, out(), 0, 8, 0, 0, code)).toBe(8);
      expect(score(context, values, 4, one, out(), 0, 9, 0, 0, code)).toBe(ADDON_STATUS.inputGone);
      const handle = addon.openMatrix(2 ** 50 + 9, 1, 8, 4, code, 1);
      for (const array of wrong as never[]) {
        expect(() => score(context, array, 4, one, out(), 0, 8, 0, 0, code)).toThrow(TypeError);
        expect(() => addon.openMatrix(2 ** 50 + 10, 1, 8, 4, code, 1, array)).toThrow(TypeError);
      }
      expect(addon.residentState(handle)).toBe(1);
      for (const array of wrong as never[])
        expect(() => addon.fillMatrix(context, handle, array, 0)).toThrow(TypeError);
      expect(addon.fillMatrix(context, handle, values, 0)).toBe(8);
      for (const array of wrong as never[]) expect(() => addon.matchesMatrix(handle, array)).toThrow(TypeError);
      expect(addon.matchesMatrix(handle, dtype === 'float32' ? rows : same)).toBe(true);
      const another = same.slice().fill(3);
      expect(addon.matchesMatrix(handle, another)).toBe(false);
      addon.release(handle);
    }
    for (const code of [0, 5, -1, 1.5e9, NaN]) {
      expect(() => score(context, rows, 4, one, out(), 0, 8, 0, 0, code)).toThrow(/dtype/);
      expect(() => addon.openMatrix(2 ** 50 + 9, 1, 8, 4, code, 1)).toThrow(/dtype/);
      expect(() => addon.estimateScanNs(context, code, 100, 1)).toThrow(/dtype/);
    }
    for (const scale of [0, -1, NaN, Infinity, 1e300, 1e-300]) {
      expect(() => score(context, arrays.int8[0], 4, one, out(), 0, 8, 0, 0, DTYPE_CODES.int8, scale)).toThrow(/scale/);
      expect(() => addon.openMatrix(2 ** 50 + 9, 1, 8, 4, DTYPE_CODES.int8, scale)).toThrow(/scale/);
    }
  });

  test('the addon has one copy for an id and version: other elements are a conflict', () => {
    const formats: [dtype: number, scale: number][] = Object.values(DTYPE_CODES).map((code) => [code, 1]);
    formats.push([DTYPE_CODES.int8, 0.5]);
    for (const [index, format] of formats.entries()) {
      const handle = addon.openMatrix(2 ** 50 + 11, 1, 8, 4, ...format);
      expect(handle).toBeGreaterThan(0);
      for (const [other, otherFormat] of formats.entries()) {
        const again = addon.openMatrix(2 ** 50 + 11, 1, 8, 4, ...otherFormat);
        if (other === index) addon.release(again);
        else expect(again).toBe(ADDON_STATUS.shapeConflict);
      }
      addon.release(handle);
    }
  });

  test('the addon checks counts against the memory of the arrays', () => {
    expect(score(context, rows, 4, one, out(), 0, 8, 0, 0)).toBe(8);
    expect(score(context, rows, 4, one, out(), 0, 9, 0, 0)).toBe(ADDON_STATUS.inputGone);
    expect(score(context, rows, 4, one, new Float32Array(7), 0, 8, 0, 0)).toBe(ADDON_STATUS.outputGone);
    expect(score(context, rows, 4, one, out(), 0, 2 ** 53 - 1, 0, 0)).toBe(ADDON_STATUS.inputGone);
    expect(score(context, rows, 2 ** 53 - 1, one, out(), 0, 8, 0, 0)).toBe(ADDON_STATUS.inputGone);
    expect(score(context, rows, 4, new Float32Array(0), out(), 0, 8, 0, 0)).toBe(ADDON_STATUS.inputGone);
    expect(score(context, rows, 4, one, out(), 0, 8, 0, 1)).toBe(ADDON_STATUS.inputGone);
    expect(() => score(context, rows, 0, one, out(), 0, 8, 0, 0)).toThrow(RangeError);
    expect(() => score(context, rows, -4, one, out(), 0, 8, 0, 0)).toThrow(RangeError);
    expect(() => score(context, rows, 4, one, out(), 5, 8, 4, 0)).toThrow(RangeError);
  });

  test('the addon checks candidates and the memory for results', () => {
    const rank = (candidates: Uint32Array, k = 2, indicesOut?: Uint32Array, scoresOut?: Float32Array) => {
      score(context, rows, 4, one, out(), 0, 8, 0, 0);
      scalars[SCALAR.end] = 2;
      scalars[SCALAR.k] = k;
      scalars[SCALAR.outputQuery] = 0;
      return addon.topK(one, rows, candidates, indicesOut, scoresOut);
    };
    expect(rank(new Uint32Array([7, 0]))).toBe(2);
    expect(rank(new Uint32Array([8, 0]))).toBe(ADDON_STATUS.inputGone);
    expect(rank(new Uint32Array([1]))).toBe(ADDON_STATUS.inputGone);
    expect(rank(new Uint32Array([7, 3]))).toBe(2);
    expect([...indices.subarray(0, 2)]).toEqual([3, 7]);
    expect(rank(new Uint32Array([7, 3]), BLOCK_RESULTS + 1)).toBe(ADDON_STATUS.outputGone);
    expect(rank(new Uint32Array([7, 3]), 2, new Uint32Array(2), new Float32Array(1))).toBe(ADDON_STATUS.outputGone);
    expect(() => rank(new Uint32Array([7, 3]), 0)).toThrow(RangeError);
  });

  test('the addon reports a mask with too few words for the rows, and refuses other types', () => {
    const indices = new Uint32Array(8);
    const scores = new Float32Array(8);
    const askScores = (mask: unknown, end = 8) => {
      score(context, rows, 4, one, out(), 0, end, 0, 0);
      return (addon.score as (...args: unknown[]) => number)(one, out(), rows, mask);
    };
    const rank = (mask: unknown) => {
      scalars[SCALAR.k] = 2;
      scalars[SCALAR.outputQuery] = 0;
      return (addon.topK as (...args: unknown[]) => number)(one, rows, undefined, indices, scores, mask);
    };
    for (const ask of [askScores, rank]) {
      expect(ask(Uint32Array.of(0b1011))).toBe(8);
      expect(ask(Uint32Array.of(0b1011, 5))).toBe(8);
      expect(ask(new Uint32Array(0))).toBe(ADDON_STATUS.inputGone);
      expect(() => ask([1])).toThrow(TypeError);
      expect(() => ask(new Float32Array(1))).toThrow(TypeError);
    }
    const done = () => undefined;
    const shared = new Float32Array(new SharedArrayBuffer(rows.byteLength));
    const startScore = (mask: Uint32Array) =>
      addon.startScore(context, shared, 4, ...FLOAT32, one, out(), 0, 8, mask, done);
    expect(startScore(new Uint32Array(0))).toBe(ADDON_STATUS.inputGone);
    const startTopK = (mask: Uint32Array) =>
      addon.startTopK(context, shared, 4, ...FLOAT32, one, indices, scores, 2, 0, 8, undefined, mask, done);
    expect(startTopK(new Uint32Array(0))).toBe(ADDON_STATUS.inputGone);
    // Fewer rows than entries.
    expect(startTopK(Uint32Array.of(0b1))).toBe(ADDON_STATUS.inputGone);
  });

  test('the addon refuses a block of memory that can be detached, and a second block', () => {
    expect(() => addon.shareBlock(new Uint8Array(8))).toThrow(RangeError);
    expect(() => addon.shareBlock(new Uint8Array(1024))).toThrow(/SharedArrayBuffer/);
    expect(() => addon.shareBlock(new Uint8Array(new SharedArrayBuffer(1024), 1))).toThrow(/aligned/);
    const other = openCallBlock(addon);
    expect(other.scalars.buffer).toBe(scalars.buffer);
  });

  test('the addon checks handles, levels and metrics', () => {
    for (const handle of [-1, 1, 12345, 2 ** 52, NaN]) {
      expect(() => score(context, handle, 4, one, out(), 0, 8, 0, 0)).toThrow(RangeError);
      expect(() => addon.residentState(handle)).toThrow(RangeError);
      addon.release(handle);
    }
    const handle = addon.openMatrix(2 ** 50, 1, 8, 4, ...FLOAT32);
    expect(() => score(context, handle, 4, one, out(), 0, 8, 0, 0)).toThrow(/ready/);
    expect(() => addon.fillGraph(context, handle, new Uint32Array(1), new Uint32Array(0), one, 0)).toThrow(RangeError);
    expect(addon.residentState(handle)).toBe(1);
    expect(addon.fillMatrix(context, handle, one, 0)).toBe(ADDON_STATUS.inputGone);
    expect(addon.fillMatrix(context, handle, rows, 0)).toBe(8);
    expect(addon.residentState(handle)).toBe(0);
    expect(() => addon.fillMatrix(context, handle, rows, 0)).toThrow(RangeError);
    addon.release(handle);
    expect(() => score(context, handle, 4, one, out(), 0, 8, 0, 0)).toThrow(RangeError);
    expect(() => score(context | 3, rows, 4, one, out(), 0, 8, 0, 0)).toThrow(/metric/);
    expect(() => score(context | (7 << 2), rows, 4, one, out(), 0, 8, 0, 0)).toThrow(/level/);
  });

  test('the addon opens one copy for all handles of an operand, until the last one is released', () => {
    const [first, second] = [
      addon.openMatrix(2 ** 50 + 3, 1, 8, 4, ...FLOAT32),
      addon.openMatrix(2 ** 50 + 3, 1, 8, 4, ...FLOAT32),
    ];
    expect(first).not.toBe(second);
    // A copy is filled through one handle at a time: two on one thread would race like two threads.
    expect([addon.residentState(first), addon.residentState(second)]).toEqual([1, 2]);
    expect(() => addon.fillMatrix(context, second, rows, 0)).toThrow(RangeError);
    addon.release(first);
    expect(addon.residentState(second)).toBe(1);
    expect(addon.fillMatrix(context, second, rows, 0)).toBe(8);
    expect(addon.residentState(second)).toBe(0);
    expect(addon.openMatrix(2 ** 50 + 3, 1, 4, 8, ...FLOAT32)).toBe(ADDON_STATUS.shapeConflict);
    const third = addon.openMatrix(2 ** 50 + 3, 1, 8, 4, ...FLOAT32);
    expect(addon.residentState(third)).toBe(0);
    addon.release(third);
    expect(score(context, second, 4, one, out(), 0, 8, 0, 0)).toBe(8);
    addon.release(second);
    const again = addon.openMatrix(2 ** 50 + 3, 1, 4, 8, ...FLOAT32);
    expect(addon.residentState(again)).toBe(1);
    addon.release(again);
  });

  test('the addon reports a lack of memory', () => {
    expect(addon.openMatrix(2 ** 50 + 1, 1, 2 ** 40, 2 ** 20, ...FLOAT32)).toBe(ADDON_STATUS.outOfMemory);
    expect(addon.openMatrix(2 ** 50 + 2, 1, 2 ** 52, 2 ** 52, ...FLOAT32)).toBe(ADDON_STATUS.outOfMemory);
  });

  test('the addon starts no job on memory that can be detached', () => {
    const done = () => undefined;
    expect(() => addon.startScore(context, rows, 4, ...FLOAT32, one, out(), 0, 8, undefined, done)).toThrow(
      /SharedArrayBuffer/,
    );
    const shared = new Float32Array(new SharedArrayBuffer(128));
    expect(() => addon.startScore(context, shared, 4, ...FLOAT32, one, out(), 0, 8, undefined, 7 as never)).toThrow(
      TypeError,
    );
  });
});
