import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  createMatrix,
  OPERATIONS,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  RowSet,
  type PreparedRequest,
} from '@gearshift/contracts';
import { operationOf } from '@gearshift/contracts/internal';
import { createOracleBackend, powerLawGraph, randomValues } from '@gearshift/testing';
import { dispatchOperationOf } from '../src/operations/dispatch-operations.js';

const oracle = createOracleBackend();
const matrix = createMatrix(randomValues(60 * 4, 1), { dimensions: 4 });
const query = randomValues(3 * 4, 2);
const graph = powerLawGraph({ nodes: 60, edgesPerNode: 4, seed: 3 });
const activations = Float32Array.from(randomValues(60, 4));

const where = RowSet.fromPredicate(60, (row) => row % 3 !== 1 && (row < 20 || row > 45));

const cosine = (range = {}) =>
  prepareCosineSimilarity({ operation: 'cosine-similarity', query, queries: 3, matrix, ...range });
const topK = (options = {}) => prepareTopK({ operation: 'top-k', query, queries: 3, matrix, k: 7, ...options });
const spread = (options = {}) =>
  prepareSpreadActivation({ operation: 'spread-activation', graph, activations, retention: 0.25, ...options });

function answer(request: PreparedRequest) {
  const operation = dispatchOperationOf(request);
  const output = operation.createOutput(request);
  expect(operation.runSync(oracle, request, output).ok).toBe(true);
  return output;
}

describe('dispatchOperationOf', () => {
  it('returns an object with every member of the contract for each operation', () => {
    for (const operation of OPERATIONS) {
      expect(dispatchOperationOf({ operation })).toMatchObject(operationOf({ operation }));
    }
  });

  it('refuses unknown operations with the message of the contracts package', () => {
    const message = "operation: expected cosine-similarity, top-k or spread-activation, got 'sort'";
    expect(() => dispatchOperationOf({ operation: 'sort' })).toThrow(new RangeError(message));
    expect(() => dispatchOperationOf(null as never)).toThrow('request: expected an object, got null');
  });
});

describe('dispatch operation cut into parts', () => {
  const requests: [string, PreparedRequest][] = [
    ['cosine similarity of several queries', cosine()],
    ['cosine similarity of some rows', cosine({ start: 5, end: 48 })],
    ['top-k of several queries', topK()],
    ['top-k with more entries than a part has rows', topK({ k: 50 })],
    ['top-k of candidates', topK({ candidates: Uint32Array.of(50, 3, 4, 17, 30, 8, 9, 21), k: 5 })],
    ['cosine similarity of the rows of a set', cosine({ where })],
    ['top-k of the rows of a set', topK({ where, k: 50 })],
    ['top-k of a range with removed rows', topK({ matrix: { ...matrix, removed: where }, start: 3 })],
    ['top-k of candidates in a set', topK({ where, candidates: Uint32Array.of(50, 3, 4, 17, 30, 8, 9, 21) })],
    ['top-k from a score', topK({ k: 30, minScore: 0.4 })],
    ['top-k from a score that few rows reach', topK({ k: 3, minScore: 0.9 })],
    ['top-k from a score that no row reaches', topK({ minScore: 2 })],
    ['top-k up to a distance', topK({ metric: 'euclidean', where, minScore: 2.5, k: 20 })],
    ['top-k of one query from a score', topK({ query: query.slice(0, 4), queries: 1, minScore: 0.5, k: 30 })],
    ['a hop of spreading', spread()],
  ];
  it.each(requests)('merges parts in any order to the answer of the whole request: %s', (_name, request) => {
    const operation = dispatchOperationOf(request);
    const items = operation.itemsOf(request);
    const output = operation.createOutput(request);
    operation.clearOutput(output);
    const cuts = [0, 1, Math.floor(items / 3), Math.floor(items / 2), items];
    for (const part of [2, 0, 3, 1]) {
      const [start, end] = [cuts[part], cuts[part + 1]];
      operation.mergePart(request, output, start, end, answer(operation.part(request, start, end)));
    }
    // With minScore, elements behind the last entry are left over.
    expect(operation.trimOutput(request, output)).toEqual(operation.trimOutput(request, answer(request)));
  });

  it('merges lists of different lengths at every step, so that an unfinished answer is the best of the done items', () => {
    const request = topK({ k: 4, minScore: 0.3 });
    const operation = dispatchOperationOf(request);
    const output = operation.createOutput(request);
    operation.clearOutput(output);
    for (let end = 5; end <= 60; end += 5) {
      operation.mergePart(request, output, end - 5, end, answer(operation.part(request, end - 5, end)));
      const soFar = topK({ k: 4, minScore: 0.3, end });
      expect(operation.trimOutput(request, output)).toEqual(operation.trimOutput(soFar, answer(soFar)));
    }
  });

  it('counts as many items as describeWork()', () => {
    for (const [, request] of requests) {
      const operation = dispatchOperationOf(request);
      expect(operation.describeWork(request).batchSize).toBe(operation.itemsOf(request));
    }
  });

  it('has a smaller output for a part exactly when outputGrowsWithItems is true', () => {
    for (const request of [cosine(), topK(), spread()]) {
      const operation = dispatchOperationOf(request);
      const part = operation.part(request, 0, 30);
      expect(part.outputLength < request.outputLength).toBe(operation.outputGrowsWithItems);
    }
  });
});

describe('dispatch operation in stages', () => {
  it('has one stage, the request itself, for cosine-similarity and top-k', () => {
    for (const request of [cosine(), topK()]) {
      const operation = dispatchOperationOf(request);
      expect(operation.stagesOf(request)).toBe(1);
      expect(operation.stage(request, undefined)).toBe(request);
    }
  });

  it('gives the answer of all hops when each stage starts from the output of the one before', () => {
    const request = spread({ hops: 3, threshold: 0.01 });
    const operation = dispatchOperationOf(request);
    expect(operation.stagesOf(request)).toBe(3);
    let output: ReturnType<typeof answer> | undefined;
    for (let hop = 0; hop < 3; hop++) output = answer(operation.stage(request, output));
    expect(output).toEqual(answer(request));
  });

  it('returns the activations unchanged for a spread-activation with no hops', () => {
    const request = spread({ hops: 0 });
    const operation = dispatchOperationOf(request);
    const output = operation.createOutput(request);
    expect(operation.stagesOf(request)).toBe(0);
    operation.answerWithoutStage(request, output);
    expect(output).toEqual(activations);
  });
});

it('has every member of an operation named in docs/adding-an-operation.md', async () => {
  const page = await readFile(new URL('../../../docs/adding-an-operation.md', import.meta.url), 'utf8');
  for (const member of Object.keys(dispatchOperationOf(topK()))) expect(page).toMatch(new RegExp(`\\b${member}\\b`));
});
