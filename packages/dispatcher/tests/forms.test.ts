import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  unwrap,
  type Backend,
  type DispatchPolicy,
  type OperationRequest,
} from '@gearshift/contracts';
import { createOracleBackend } from '@gearshift/testing';
import { createTracker } from '@gearshift/tracker';
import { expect, it, onTestFinished } from 'vitest';
import { createDispatcher } from '../src/index.js';

const plain = createMatrix(Float32Array.of(1, 0, 0, 1), { dimensions: 2 });
const coded = createMatrix(Float32Array.of(1, 0, 0, 1), { dimensions: 2 });
const requestOf = (matrix: typeof plain) =>
  ({ operation: 'top-k', query: Float32Array.of(1, 0), matrix, k: 1 }) as const;

/** A dispatcher over such a backend, and what its policy was told. */
function machine(formOf: Backend['formOf'], kind: Backend['kind'] = 'cpu') {
  const seen: { decided: unknown[]; observed: unknown[] } = { decided: [], observed: [] };
  const policy: DispatchPolicy = {
    name: 'recorder',
    decide(_work, devices, _context, out) {
      seen.decided.push(devices[0].form);
      out.device = 0;
    },
    observe: ({ form }) => void seen.observed.push(form),
    snapshot: () => ({ policy: 'recorder', options: {} }),
    export: () => ({ policy: 'recorder', version: 1, learned: {} }),
    import: () => ({ ok: true, value: undefined }),
  };
  const oracle = createOracleBackend();
  const tracker = createTracker();
  onTestFinished(() => tracker[Symbol.dispose]());
  const backend = { ...oracle, kind, ...(formOf !== undefined && { formOf }) };
  return { seen, dispatcher: createDispatcher({ backends: [backend], policy, tracker }) };
}

const formOf = (request: OperationRequest) =>
  'matrix' in request && request.matrix.id === coded.id ? 'codes' : undefined;

it.each(['cpu', 'gpu'] as const)(
  'the policy learns which form of the operand a %s uses for a request',
  async (kind) => {
    const { seen, dispatcher } = machine(formOf, kind);
    for (const matrix of [plain, coded]) unwrap(await dispatcher.run(requestOf(matrix)));
    expect(seen).toEqual({ decided: [undefined, 'codes'], observed: [undefined, 'codes'] });
  },
);

it('the policy learns which form a synchronous request uses, too', () => {
  const { seen, dispatcher } = machine(formOf);
  for (const matrix of [plain, coded]) {
    unwrap(dispatcher.runSync(requestOf(matrix), createTopKOutput(prepareTopK(requestOf(matrix)))));
  }
  expect(seen.observed).toEqual([undefined, 'codes']);
});

it.each([
  [
    'throws',
    () => {
      throw new Error('it is broken');
    },
  ],
  ['returns a number', () => 7 as unknown as string],
  ['returns an empty string', () => ''],
  ['is not there', undefined],
])('a backend with a formOf() that %s answers from the operand itself', async (_what, broken) => {
  const { seen, dispatcher } = machine(broken);
  unwrap(await dispatcher.run(requestOf(coded)));
  expect(seen).toEqual({ decided: [undefined], observed: [undefined] });
});
