import assert from 'node:assert/strict';
import {
  createMatrix,
  graphFromEdges,
  type Backend,
  type OperationRequest,
  type SyncBackend,
} from '@gearshift/contracts';
import { isError } from '@gearshift/contracts/internal';
import { randomValues } from '../random/random-vectors.js';
import type { ContractCheck, Subject } from './contract-check.js';
import { detach, onResizable, shrink } from './operands.js';

interface Mistake {
  readonly error: typeof TypeError | typeof RangeError;
  /** Matches the message: the argument, the expected and the given value. */
  readonly message: RegExp;
  /** Not typed as a request, because it is invalid. */
  readonly request: unknown;
}

const query = () => randomValues(4, 100);
const matrix = () => createMatrix(randomValues(12, 101), { dimensions: 4 });
const graph = () => graphFromEdges(3, [[0, 1]]);
const cosine = (changes: object) => ({ operation: 'cosine-similarity', query: query(), matrix: matrix(), ...changes });
const topK = (changes: object) => ({ operation: 'top-k', query: query(), matrix: matrix(), k: 2, ...changes });
const spread = (changes: object) => ({
  operation: 'spread-activation',
  graph: graph(),
  activations: Float32Array.of(1, 2, 3),
  ...changes,
});

export const validationChecks: readonly ContractCheck[] = [
  check('k that is 0, negative, fractional or not a number', () => [
    { error: RangeError, message: /^k: expected an integer of at least 1, got 0$/, request: topK({ k: 0 }) },
    { error: RangeError, message: /^k: expected .*, got -3$/, request: topK({ k: -3 }) },
    { error: RangeError, message: /^k: expected .*, got 1\.5$/, request: topK({ k: 1.5 }) },
    { error: RangeError, message: /^k: expected .*, got NaN$/, request: topK({ k: NaN }) },
    { error: TypeError, message: /^k: expected .*, got '3'$/, request: topK({ k: '3' }) },
    { error: TypeError, message: /^k: expected .*, got undefined$/, request: topK({ k: undefined }) },
  ]),
  check('a query with other dimensions than the matrix', () =>
    [cosine, topK].flatMap((request): Mistake[] => [
      {
        error: RangeError,
        message: /^query has 5 values but the matrix has 4 dimensions$/,
        request: request({ query: new Float32Array(5) }),
      },
      {
        error: RangeError,
        message: /^query has 0 values but the matrix has 4 dimensions$/,
        request: request({ query: new Float32Array(0) }),
      },
      {
        error: RangeError,
        message: /^matrix\.dimensions: expected an integer of at least 1, got 0$/,
        request: request({ matrix: { ...matrix(), rows: 0, dimensions: 0, values: new Float32Array(0) } }),
      },
    ]),
  ),
  check('a number of values that is not rows x dimensions', () =>
    [cosine, topK].map((request) => ({
      error: RangeError,
      message: /^matrix\.values: expected 12 elements \(3 rows of 4\), got 11$/,
      request: request({ matrix: { ...matrix(), values: new Float32Array(11) } }),
    })),
  ),
  check('a detached or shrunk buffer', () => {
    const detachedQuery = query();
    const detachedMatrix = matrix();
    const shrunkMatrix = createMatrix(onResizable(randomValues(12, 101)), { dimensions: 4 });
    const detachedActivations = Float32Array.of(1, 2, 3);
    const detachedGraph = graph();
    const requests = {
      query: [cosine({ query: detachedQuery }), topK({ query: detachedQuery })],
      'matrix.values': [cosine({ matrix: detachedMatrix }), topK({ matrix: detachedMatrix })],
      'matrix.values of a resizable buffer': [cosine({ matrix: shrunkMatrix }), topK({ matrix: shrunkMatrix })],
      activations: [spread({ activations: detachedActivations })],
      'graph.weights': [spread({ graph: detachedGraph })],
    };
    detach(detachedQuery);
    detach(detachedMatrix.values);
    shrink(shrunkMatrix.values);
    detach(detachedActivations);
    detach(detachedGraph.weights);
    return Object.entries(requests).flatMap(([name, list]) => {
      const [argument] = name.split(' ');
      const message = new RegExp(`^${argument}: its buffer was detached or shrank below it$`);
      return list.map((request) => ({ error: TypeError, message, request }));
    });
  }),
  check('arrays of the wrong type', () => [
    {
      error: TypeError,
      message: /^query: expected a Float32Array, got an array of 4/,
      request: cosine({ query: [1, 2, 3, 4] }),
    },
    {
      error: TypeError,
      message: /^query: expected .*, got Float64Array of 4/,
      request: topK({ query: new Float64Array(4) }),
    },
    { error: TypeError, message: /^matrix: expected an object, got null$/, request: cosine({ matrix: null }) },
    {
      error: TypeError,
      message: /^candidates: expected a Uint32Array, got an array/,
      request: topK({ candidates: [1] }),
    },
    {
      error: TypeError,
      message: /^activations: expected a Float32Array, got und/,
      request: spread({ activations: undefined }),
    },
    { error: TypeError, message: /^graph: expected an object, got undefined$/, request: spread({ graph: undefined }) },
  ]),
  check('row ranges outside of the matrix', () =>
    [cosine, topK, spread].flatMap((request): Mistake[] => [
      { error: RangeError, message: /^end: expected an integer from 0 to 3, got 4$/, request: request({ end: 4 }) },
      {
        error: RangeError,
        message: /^start: expected an integer from 0 to 2, got 3$/,
        request: request({ start: 3, end: 2 }),
      },
      { error: RangeError, message: /^start: expected .*, got -1$/, request: request({ start: -1 }) },
      { error: TypeError, message: /^end: expected .*, got '2'$/, request: request({ end: '2' }) },
    ]),
  ),
  check('another number of queries than the query holds', () =>
    [cosine, topK].flatMap((request): Mistake[] => [
      {
        error: RangeError,
        message: /^query has 4 values but the matrix has 4 dimensions, and 2 queries need 8; leave out queries/,
        request: request({ queries: 2 }),
      },
      {
        error: RangeError,
        message: /^query has 8 values but the matrix has 4 dimensions; pass queries: 2 for 2 queries$/,
        request: request({ query: randomValues(8, 103) }),
      },
      {
        error: RangeError,
        message: /^queries: expected an integer of at least 1, got 0$/,
        request: request({ queries: 0 }),
      },
    ]),
  ),
  check('candidates that are listed twice', () => [
    {
      error: RangeError,
      message: /^candidates\[2\]: row 1 is already candidates\[0\]$/,
      request: topK({ candidates: Uint32Array.of(1, 0, 1) }),
    },
  ]),
  check('fields that a request does not have', () => [
    {
      error: TypeError,
      message: /^request: 'queris' is not an option; did you mean 'queries'\?/,
      request: cosine({ queris: 1 }),
    },
    {
      error: TypeError,
      message: /^request: 'metrik' is not an option; did you mean 'metric'\?/,
      request: topK({ metrik: 'dot' }),
    },
    {
      error: TypeError,
      message: /^request: 'hop' is not an option; did you mean 'hops'\?/,
      request: spread({ hop: 2 }),
    },
  ]),
  check('operands that are still Promises', () => [
    {
      error: TypeError,
      message: /^matrix: expected a matrix, got a Promise; is `await` missing\?$/,
      request: topK({ matrix: Promise.resolve(matrix()) }),
    },
    {
      error: TypeError,
      message: /^graph: expected a graph, got a Promise; is `await` missing\?$/,
      request: spread({ graph: Promise.resolve(graph()) }),
    },
  ]),
  check('a where that is not a set of rows of the matrix', () =>
    [cosine, topK].flatMap((request): Mistake[] => [
      { error: TypeError, message: /^where: expected a RowSet, .* got an array/, request: request({ where: [1] }) },
      { error: TypeError, message: /^where: expected a RowSet, got null$/, request: request({ where: null }) },
      {
        error: RangeError,
        message: /^where\.rowCount: expected at most 3, .* got 4$/,
        request: request({ where: { rowCount: 4, words: Uint32Array.of(1) } }),
      },
      {
        error: TypeError,
        message: /^where\.words: expected a Uint32Array, got an array/,
        request: request({ where: { rowCount: 3, words: [1] } }),
      },
      {
        error: RangeError,
        message: /^where\.words: expected 1 elements for 3 rows, got 2$/,
        request: request({ where: { rowCount: 3, words: new Uint32Array(2) } }),
      },
    ]),
  ),
  check('a minScore that is not a number', () => [
    { error: RangeError, message: /^minScore: expected .*, got NaN$/, request: topK({ minScore: NaN }) },
    { error: TypeError, message: /^minScore: expected a number, got '1'$/, request: topK({ minScore: '1' }) },
  ]),
  check('candidates outside of the range, and unknown metrics', () => [
    {
      error: RangeError,
      message: /^candidates\[1\]: expected a row in \[0, 3\), got 3$/,
      request: topK({ candidates: Uint32Array.of(0, 3) }),
    },
    {
      error: RangeError,
      message: /^candidates\[0\]: expected a row in \[1, 3\), got 0$/,
      request: topK({ candidates: Uint32Array.of(0), start: 1 }),
    },
    {
      error: RangeError,
      message: /^metric: expected one of cosine.*, got 'manhattan'$/,
      request: topK({ metric: 'manhattan' }),
    },
  ]),
  check('options of spreading that are out of range', () => [
    { error: RangeError, message: /^hops: expected an integer of at least 0, got -1$/, request: spread({ hops: -1 }) },
    { error: RangeError, message: /^hops: expected 1 when only .* got 2$/, request: spread({ hops: 2, start: 1 }) },
    { error: RangeError, message: /^decay: expected a finite number, got NaN$/, request: spread({ decay: NaN }) },
    { error: RangeError, message: /^retention: expected .*, got Infinity$/, request: spread({ retention: Infinity }) },
    {
      error: RangeError,
      message: /^threshold: expected a finite .*, got -0\.5$/,
      request: spread({ threshold: -0.5 }),
    },
    { error: TypeError, message: /^decay: expected .*, got '1'$/, request: spread({ decay: '1' }) },
    {
      error: RangeError,
      message: /^activations: expected 3 elements .*, got 2$/,
      request: spread({ activations: new Float32Array(2) }),
    },
  ]),
  check('invalid graphs', () => [
    {
      error: RangeError,
      message: /^columns\[0\]: expected a node below 3, got 9$/,
      request: spread({ graph: { ...graph(), columns: Uint32Array.of(9), rowPointers: Uint32Array.of(0, 0, 1, 1) } }),
    },
    {
      error: RangeError,
      message: /^rowPointers\[2\]: expected at least 1, got 0$/,
      request: spread({ graph: { ...graph(), rowPointers: Uint32Array.of(0, 1, 0, 1) } }),
    },
    {
      error: RangeError,
      message: /^rowPointers\[3\]: expected 1 .*, got 7$/,
      request: spread({ graph: { ...graph(), rowPointers: Uint32Array.of(0, 0, 1, 7) } }),
    },
  ]),
  check('a request of another operation', () => [
    {
      error: RangeError,
      message: /^operation: expected 'cosine-similarity', got 'sort'$/,
      request: { ...cosine({}), operation: 'sort' },
    },
  ]),
  {
    name: 'validation: refuses outputs of the wrong length or type, and outputs that overlap an input',
    async run(subject) {
      const shared = new Float32Array(12);
      const onInput = createMatrix(shared, { dimensions: 4 });
      const both = Uint32Array.of(0, 1);
      const few = { indices: new Uint32Array(1), scores: new Float32Array(2), count: 0 };
      const mistakes: readonly [request: object, output: unknown, error: typeof TypeError, message: RegExp][] = [
        [cosine({}), new Float32Array(4), RangeError, /^output: expected 3 elements, got 4$/],
        [cosine({}), new Float32Array(2), RangeError, /^output: expected 3 elements, got 2$/],
        [cosine({}), [0, 0, 0], TypeError, /^output: expected a Float32Array, got an array of 3 elements$/],
        [cosine({ matrix: onInput }), shared.subarray(2, 5), RangeError, /^output: expected memory of its own/],
        [spread({}), new Float32Array(4), RangeError, /^output: expected 3 elements, got 4$/],
        [
          topK({ matrix: onInput }),
          { ...few, indices: new Uint32Array(2), scores: shared },
          RangeError,
          /^output\.scores: expected memory of its own/,
        ],
        [
          topK({ candidates: both }),
          { ...few, indices: both },
          RangeError,
          /^output\.indices: expected memory of its own/,
        ],
        [topK({}), few, RangeError, /^output\.indices: expected at least 2 elements, got 1$/],
        [
          topK({}),
          { ...few, indices: new Uint32Array(2), scores: new Float32Array(0) },
          RangeError,
          /^output\.scores: expected/,
        ],
        [
          topK({ query: new Float32Array(8), queries: 2, k: 1, minScore: 0 }),
          { ...few, indices: new Uint32Array(2) },
          TypeError,
          /^output\.counts: expected a Uint32Array, got undefined$/,
        ],
        [topK({}), 'none', TypeError, /^output: expected an object, got 'none'$/],
      ];
      for (const [request, output, error, message] of mistakes) {
        await assertRefused(subject, { request, error, message }, output);
      }
    },
  },
];

function check(what: string, mistakes: () => readonly Mistake[]): ContractCheck {
  return {
    name: `validation: refuses ${what}`,
    async run(subject) {
      for (const mistake of mistakes()) await assertRefused(subject, mistake);
    },
  };
}

async function assertRefused({ backend, sync }: Subject, mistake: Mistake, output?: unknown): Promise<void> {
  const { request, error, message } = mistake;
  const scores = new Float32Array(3).fill(0.125);
  const ranking = { indices: new Uint32Array(3).fill(77), scores, count: 77 };
  const expected = (thrown: unknown) => {
    assert.ok(isError(thrown, error.name), `expected a ${error.name}, got ${String(thrown)}`);
    assert.match(thrown.message, message);
    return true;
  };
  const target = (output ?? (operationOf(request) === 'top-k' ? ranking : scores)) as never;
  // Some backends throw and others reject, which is the same for a caller that awaits.
  await assert.rejects(async () => call(backend, request, target), expected);
  if (sync !== undefined) assert.throws(() => callNow(sync, request, target), expected);
  assert.ok(
    scores.every((score) => score === 0.125) && ranking.indices.every((index) => index === 77) && ranking.count === 77,
    'the output was written although the request was refused',
  );
}

function call(backend: Backend, request: unknown, output: never): Promise<unknown> {
  switch (operationOf(request)) {
    case 'top-k':
      return backend.topK(request as never, output);
    case 'spread-activation':
      return backend.spreadActivation(request as never, output);
    default:
      return backend.cosineSimilarity(request as never, output);
  }
}

function callNow(backend: SyncBackend, request: unknown, output: never): unknown {
  switch (operationOf(request)) {
    case 'top-k':
      return backend.topKSync(request as never, output);
    case 'spread-activation':
      return backend.spreadActivationSync(request as never, output);
    default:
      return backend.cosineSimilaritySync(request as never, output);
  }
}

function operationOf(request: unknown): string {
  return (request as OperationRequest).operation;
}
