import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  unwrap,
  type TopKOutput,
  type TopKRequest,
} from '@gearshift/contracts';
import { pinnedPolicy } from '@gearshift/policies';
import { createTracker } from '@gearshift/tracker';
import { expect, test } from 'vitest';
import { createDispatcher } from '../src/index.js';
import { topKDispatch } from '../src/operations/top-k.js';
import { scriptedBackend, type Act } from './scripted-backend.js';

const matrix = createMatrix(Float32Array.of(1, 0, 0, 1, 1, 1, 2, 1), { dimensions: 2 });
const request: TopKRequest = { operation: 'top-k', query: Float32Array.of(1, 0), matrix, k: 2 };
const counts = { scanned: 4, examined: 3, rescored: 2 };

/** Says on every second call, from the first one on, that it used codes. */
const usesCodes: Act = (call, compute, _signal, output) => {
  if (call % 2 === 0) (output as TopKOutput).search = counts;
  return compute();
};

function dispatcherOn(kind: 'cpu' | 'gpu', act: Act = usesCodes) {
  const backend = scriptedBackend({ id: kind, kind, act });
  const policy = pinnedPolicy(kind);
  return createDispatcher({ backends: [backend], policy, tracker: createTracker(), verifyEveryNth: 0 });
}

test.each(['cpu', 'gpu'] as const)('the counts of a search reach the output and the attempt on a %s', async (kind) => {
  const dispatcher = dispatcherOn(kind);
  const own = createTopKOutput(prepareTopK(request));
  const first = unwrap(await dispatcher.run(request, own));
  expect(first.attempts[0].search).toEqual(counts);
  expect(own.search).toEqual(counts);
  // The caller's output is used again, for a request that is answered without codes.
  const second = unwrap(await dispatcher.run(request, own));
  expect(second.attempts[0].search).toBeUndefined();
  expect(own.search).toBeUndefined();
});

test('the counts of a synchronous search reach the output and the attempt', () => {
  const dispatcher = dispatcherOn('cpu');
  const { output, attempts } = unwrap(dispatcher.runSync(request));
  expect(attempts[0].search).toEqual(counts);
  expect(output.search).toEqual(counts);
  expect(unwrap(dispatcher.runSync(request)).output.search).toBeUndefined();
});

test('counts that are none are left out of the attempt', async () => {
  const dispatcher = dispatcherOn('cpu', (_call, compute, _signal, output) => {
    (output as { search?: unknown }).search = { scanned: 'all' };
    return compute();
  });
  const { attempts } = unwrap(await dispatcher.run(request));
  expect(attempts[0]).toMatchObject({ outcome: 'success', search: undefined });
});

test('the counts of the pieces of a request are added', () => {
  const prepared = prepareTopK(request);
  const output = createTopKOutput(prepared);
  topKDispatch.clearOutput(output);
  const pieceOf = (start: number, search: TopKOutput['search']): TopKOutput => ({
    ...{ indices: Uint32Array.of(start, start + 1), scores: Float32Array.of(1, 0.5), count: 2 },
    search,
  });
  topKDispatch.mergePart(prepared, output, 0, 2, pieceOf(0, counts));
  topKDispatch.mergePart(prepared, output, 2, 4, pieceOf(2, undefined));
  expect(output.search).toEqual(counts);
  topKDispatch.mergePart(prepared, output, 4, 6, pieceOf(4, { ...counts, way: 'scan' }));
  expect(output.search).toEqual({ scanned: 8, examined: 6, rescored: 4, way: 'scan' });
});

test('a snapshot has the companions of a backend, and null for one that has none or fails', () => {
  const companions = {
    bytes: 10,
    budgetBytes: null,
    matrices: 1,
    building: 0,
    built: 1,
    refused: { budget: 2, memory: 0 },
  };
  const snapshotOf = (methods: object) => {
    const backend = { ...scriptedBackend({ id: 'cpu', kind: 'cpu' }), ...methods };
    const policy = pinnedPolicy('cpu');
    return createDispatcher({ backends: [backend], policy, tracker: createTracker() }).snapshot('top-k').devices[0];
  };
  expect(snapshotOf({ companions: () => companions }).companions).toEqual(companions);
  expect(snapshotOf({}).companions).toBeNull();
  const fails = () => {
    throw new Error('a fault of the backend');
  };
  expect(snapshotOf({ companions: fails }).companions).toBeNull();
});
