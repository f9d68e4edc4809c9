import { setImmediate } from 'node:timers/promises';
import { placementOf, prepareCosineSimilarity, type Backend } from '@gearshift/contracts';
import { type BrokenBackend } from './broken-backend.js';
import { succeed, withMethods, withoutTwins } from './with-fault.js';

const validationChecks = [
  'validation: refuses k that is 0, negative, fractional or not a number',
  'validation: refuses a query with other dimensions than the matrix',
  'validation: refuses a number of values that is not rows x dimensions',
  'validation: refuses a detached or shrunk buffer',
  'validation: refuses arrays of the wrong type',
  'validation: refuses row ranges outside of the matrix',
  'validation: refuses another number of queries than the query holds',
  'validation: refuses candidates that are listed twice',
  'validation: refuses fields that a request does not have',
  'validation: refuses operands that are still Promises',
  'validation: refuses a where that is not a set of rows of the matrix',
  'validation: refuses a minScore that is not a number',
  'validation: refuses candidates outside of the range, and unknown metrics',
  'validation: refuses options of spreading that are out of range',
  'validation: refuses invalid graphs',
  'validation: refuses a request of another operation',
  'validation: refuses outputs of the wrong length or type, and outputs that overlap an input',
];

/** Faults other than wrong results. */
export const wrongManners: readonly BrokenBackend[] = [
  {
    fault: 'a mistake of the caller is answered with success',
    create: () => withErrors(() => succeed()),
    noticedBy: validationChecks,
  },
  {
    fault: 'a mistake of the caller is not named',
    create: () =>
      withErrors(() => {
        throw new TypeError('invalid argument');
      }),
    noticedBy: validationChecks,
  },
  {
    fault: 'an empty matrix is a failure',
    create: () =>
      withMethods((right) => ({
        async cosineSimilarity(request, output, signal) {
          if (request.matrix.rows > 0) return right.cosineSimilarity(request, output, signal);
          return { ok: false, error: { kind: 'fault', message: 'no rows', backend: right.id } };
        },
      })),
    noticedBy: ['semantics: an empty matrix or row range gives an empty output'],
  },
  {
    fault: 'rows that are elsewhere count as none',
    create: () =>
      withMethods((right) => ({
        async topK(request, output, signal) {
          if (placementOf(request.matrix) === undefined) return right.topK(request, output, signal);
          output.count = 0;
          return succeed();
        },
      })),
    noticedBy: ['placed: a matrix with rows that the backend cannot reach is unsupported, and nothing is written'],
  },
  {
    fault: 'signals are ignored',
    create: () =>
      withMethods((right) => ({ cosineSimilarity: (request, output) => right.cosineSimilarity(request, output) })),
    noticedBy: [
      'abort: an already aborted signal stops every operation before it begins',
      'abort: a signal stops a long request under way, and the backend serves later requests',
    ],
  },
  {
    fault: 'listeners are not removed',
    create: () =>
      withMethods((right) => ({
        cosineSimilarity(request, output, signal) {
          signal?.addEventListener('abort', () => {});
          return right.cosineSimilarity(request, output, signal);
        },
      })),
    noticedBy: ['abort: no listener is left on a signal when its request has ended'],
  },
  {
    fault: 'the event loop is blocked',
    create: () =>
      withMethods((right) => ({
        cosineSimilarity: async (request, output) => right.cosineSimilaritySync(request, output),
      })),
    noticedBy: ['event loop: is not blocked while a long request is under way'],
  },
  {
    fault: 'requests share the memory of the query',
    create: () =>
      withoutTwins(
        withMethods((right) => {
          const shared: { query: Float32Array } = { query: new Float32Array(0) };
          return {
            async cosineSimilarity(request, output) {
              shared.query = request.query;
              await setImmediate();
              return right.cosineSimilaritySync({ ...request, query: shared.query }, output);
            },
          };
        }),
      ),
    noticedBy: ['concurrency: concurrent requests do not affect each other'],
  },
  {
    fault: 'detached memory is read as NaN',
    create: () =>
      withMethods(() => ({
        async cosineSimilarity(request, output) {
          const { matrix } = prepareCosineSimilarity(request);
          await setImmediate();
          output.fill(matrix.values.byteLength === 0 ? NaN : 0);
          return succeed();
        },
      })),
    noticedBy: [
      'memory: a request gives correct scores or an error when the buffer of its operand is detached meanwhile',
    ],
  },
  {
    fault: 'close() does not wait',
    create: () => withMethods(() => ({ close: async () => {} })),
    noticedBy: [
      'close: waits for requests under way',
      "close: later requests fail with kind 'unsupported', and a second close() succeeds",
    ],
  },
  {
    fault: 'the description is of another device',
    create: () => withMethods((right) => ({ describe: () => ({ ...right.describe(), kind: 'gpu' }) })),
    noticedBy: ['description: is plain data that matches the backend, and its memory reading is in bytes'],
  },
  {
    fault: 'an operation that works is reported as unsupported',
    create: () => withMethods(() => ({ supports: () => ({ reason: 'not today' }) })),
    noticedBy: ['support: supports() is true exactly for the operations that succeed'],
  },
];

/** The asynchronous methods, with every error that they throw turned into something else. */
function withErrors(turn: () => ReturnType<typeof succeed>): Backend {
  return withoutTwins(
    withMethods((right) => ({
      cosineSimilarity: (request, output) => right.cosineSimilarity(request, output).catch(turn),
      topK: (request, output) => right.topK(request, output).catch(turn),
      spreadActivation: (request, output) => right.spreadActivation(request, output).catch(turn),
    })),
  );
}
