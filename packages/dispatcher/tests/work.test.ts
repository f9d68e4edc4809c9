import { describe, expect, it } from 'vitest';
import { createMatrix, graphFromEdges, prepareRequest, RowSet } from '@gearshift/contracts';
import { describeWork } from '../src/index.js';

const matrix = createMatrix(new Float32Array(100 * 8), { dimensions: 8 });
const query = new Float32Array(8);

describe('describeWork', () => {
  it('counts the rows, not the queries, as the batch of a cosine similarity', () => {
    const twoQueries = new Float32Array(16);
    expect(
      describeWork(prepareRequest({ operation: 'cosine-similarity', query: twoQueries, queries: 2, matrix, end: 50 })),
    ).toEqual({
      operation: 'cosine-similarity',
      shape: 'few-queries',
      batchSize: 50,
      queries: 2,
      dimensions: 8,
      flops: 2 * 2 * 50 * 8,
      bytes: 50 * 8 * 4 + 2 * 8 * 4 + 2 * 50 * 4,
      requestBytes: 2 * 8 * 4,
      operandId: matrix.id,
      operandVersion: 1,
      expectedUses: 0,
      rangeBytes: 50 * 8 * 4,
      operandBytes: 100 * 8 * 4,
      outputBytes: 2 * 50 * 4,
    });
  });

  it('counts the candidates of a top-k, which travel with the request', () => {
    const candidates = Uint32Array.of(3, 5, 7);
    expect(describeWork(prepareRequest({ operation: 'top-k', query, matrix, k: 2, candidates }))).toEqual({
      operation: 'top-k',
      shape: 'candidates',
      batchSize: 3,
      queries: 1,
      dimensions: 8,
      flops: 2 * 3 * 8,
      bytes: 3 * 8 * 4 + 8 * 4 + 3 * 4 + 2 * 8,
      requestBytes: 8 * 4 + 3 * 4,
      operandId: matrix.id,
      operandVersion: 1,
      expectedUses: 0,
      rangeBytes: 3 * 8 * 4,
      operandBytes: 100 * 8 * 4,
      outputBytes: 2 * 8,
    });
    expect(describeWork(prepareRequest({ operation: 'top-k', query, matrix, k: 2, start: 90 }))).toMatchObject({
      batchSize: 10,
      flops: 2 * 10 * 8,
    });
  });

  it('counts the rows that where leaves as work, and all rows of the range as items', () => {
    const where = RowSet.fromPredicate(100, (row) => row < 60);
    const request = { operation: 'top-k', query, matrix, k: 2, where } as const;
    expect(describeWork(prepareRequest(request))).toMatchObject({
      shape: 'scan',
      batchSize: 100,
      flops: 2 * 60 * 8,
      bytes: 60 * 8 * 4 + 8 * 4 + 4 * 4 + 2 * 8,
      requestBytes: 8 * 4 + 4 * 4,
      rangeBytes: 100 * 8 * 4,
    });
    const few = RowSet.fromRows([3, 50, 99], 100);
    expect(describeWork(prepareRequest({ ...request, where: few, end: 99 }))).toMatchObject({
      shape: 'candidates',
      batchSize: 99,
      flops: 2 * 2 * 8,
    });
    const scores = prepareRequest({ operation: 'cosine-similarity', query, matrix, where: new RowSet(100) });
    expect(describeWork(scores)).toMatchObject({ shape: 'candidates', batchSize: 100, flops: 2 * 8 });
    const removed = { ...matrix, removed: few };
    expect(describeWork(prepareRequest({ operation: 'cosine-similarity', query, matrix: removed }))).toMatchObject({
      shape: 'scan',
      flops: 2 * 97 * 8,
    });
    const both = prepareRequest({ ...request, where: few, candidates: Uint32Array.of(50, 1) });
    expect(describeWork(both)).toMatchObject({ shape: 'candidates', batchSize: 1, flops: 2 * 8 });
  });

  it('counts the receiving nodes of a spread-activation, and its edges times hops', () => {
    const graph = graphFromEdges(3, [
      [0, 1],
      [1, 2],
      [0, 2],
    ]);
    const activations = new Float32Array(3);
    const whole = describeWork(prepareRequest({ operation: 'spread-activation', graph, activations, hops: 2 }));
    expect(whole).toMatchObject({ batchSize: 3, queries: 1, dimensions: 1, flops: 2 * (2 * 3 + 3 * 3) });
    expect(whole).toMatchObject({ requestBytes: 12, outputBytes: 12, operandBytes: 4 * 4 + 3 * 4 + 3 * 4 });
    expect(whole.bytes).toBe(2 * (3 * 8 + 3 * 4 + 12 + 12));
    const last = describeWork(prepareRequest({ operation: 'spread-activation', graph, activations, start: 2 }));
    expect(last).toMatchObject({ batchSize: 1, flops: 2 * 2 + 3 });
  });
});
