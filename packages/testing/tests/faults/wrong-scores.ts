import { type SyncBackend, type VectorMatrix } from '@gearshift/contracts';
import { createOracleBackend } from '../../src/index.js';
import { nextUp, type BrokenBackend } from './broken-backend.js';
import { outputRows, withFault, withValues } from './with-fault.js';

/** Faults of the numbers. */
export const wrongScores: readonly BrokenBackend[] = [
  {
    fault: 'a zero vector gives NaN',
    create: () => withFault({ cosineOutput: (output) => output.set(output.map((x) => (x === 0 ? NaN : x))) }),
    noticedBy: ['semantics: a zero query or a zero row has cosine 0'],
  },
  {
    fault: 'scores are not clamped',
    create: () => withFault({ cosineOutput: (output) => output.set(output.map((x) => (x === 1 ? nextUp(x) : x))) }),
    noticedBy: ['semantics: cosine stays within [-1, 1]'],
  },
  {
    fault: 'NaN is similarity 1',
    create: () =>
      withFault({
        cosineOutput: (output) => output.set(output.map((x) => (Number.isNaN(x) ? 1 : x))),
        topKOutput: ({ scores }) => scores.set(scores.map((x) => (Number.isNaN(x) ? 1 : x))),
      }),
    noticedBy: [
      'semantics: NaN in a row makes exactly its score NaN, and NaN in a query makes all of its scores NaN',
      'semantics: NaN ranks last in top-k, by ascending index, under every metric',
      'cosine similarity: is correct for rows of special values',
      'cosine similarity: is correct for random shapes with scattered special values',
      'top-k: is correct for rows of special values under every metric',
      'top-k: is correct for random shapes with scattered special values',
    ],
  },
  {
    fault: 'infinities count as zero',
    create: () =>
      withFault({
        cosineRequest: (request) => ({
          ...request,
          matrix: withValues(request.matrix, (values) =>
            values.set(values.map((x) => (Number.isNaN(x / x) && x !== 0 ? 0 : x))),
          ),
        }),
      }),
    noticedBy: ['semantics: infinities give the results of IEEE arithmetic in double precision'],
  },
  {
    fault: 'small normal numbers are flushed to zero',
    create: () =>
      withFault({
        cosineRequest: (request) => ({
          ...request,
          matrix: withValues(request.matrix, (values) =>
            values.set(values.map((x) => (Math.abs(x) < 2 ** -60 ? 0 : x))),
          ),
        }),
      }),
    noticedBy: ['semantics: a vector counts as zero exactly when its squared norm is below 2^-126'],
  },
  {
    fault: 'squared norms overflow',
    create: () =>
      withFault({
        cosineRequest: (request) => ({
          ...request,
          matrix: withValues(request.matrix, (values) =>
            values.set(values.map((x) => (Math.abs(x) > 2 ** 64 ? 0 : x))),
          ),
        }),
      }),
    noticedBy: ['semantics: very large finite values have the right cosine, up to the largest float32'],
  },
  {
    fault: 'scores are slightly wrong',
    create: () =>
      withFault({
        cosineOutput: (output, { matrix }) => output.set(output.map((x) => x - 3 * matrix.dimensions * 2 ** -24)),
      }),
    noticedBy: ['semantics: cosine is within 2 * dimensions * 2^-24 of double precision, on hard and easy data'],
  },
  {
    fault: 'dimensions beyond a multiple of 16 are left out',
    create: () => {
      const dropTail = <T extends { readonly matrix: VectorMatrix }>(request: T): T => {
        const { dimensions } = request.matrix;
        const kept = dimensions - (dimensions % 16);
        const matrix = withValues(request.matrix, (values) =>
          values.set(values.map((x, i) => (i % dimensions < kept ? x : 0))),
        );
        return { ...request, matrix };
      };
      return withFault({ cosineRequest: dropTail, topKRequest: dropTail });
    },
    noticedBy: [
      'cosine similarity: is correct at the boundaries of dimensions and rows',
      'top-k: is correct for every metric at the boundaries of dimensions',
    ],
  },
  {
    fault: 'arrays are read from the next lower multiple of 16 bytes',
    create: () => {
      const align = (array: Float32Array) => {
        const isWhole = array.byteOffset % 16 === 0 || array.length === 0;
        return isWhole ? array : new Float32Array(array.buffer, array.byteOffset & ~15, array.length);
      };
      const alignMatrix = (matrix: VectorMatrix) =>
        matrix.values instanceof Float32Array ? { ...matrix, values: align(matrix.values) } : matrix;
      return withFault({
        cosineRequest: (request) => ({ ...request, matrix: alignMatrix(request.matrix) }),
        topKRequest: (request) => ({ ...request, matrix: alignMatrix(request.matrix) }),
        spreadRequest: (request) => ({ ...request, activations: align(request.activations) }),
      });
    },
    noticedBy: [
      'cosine similarity: is correct for unaligned operands and outputs',
      'top-k: is correct for unaligned operands and outputs, and in shared memory',
      'spreading: is correct for unaligned activations and outputs, and in shared memory',
    ],
  },
  {
    fault: 'shared memory is not read',
    create: () =>
      withFault({
        cosineRequest: (request) =>
          request.query.buffer instanceof SharedArrayBuffer
            ? { ...request, query: new Float32Array(request.query.length) }
            : request,
      }),
    noticedBy: ['cosine similarity: is correct for operands in shared memory'],
  },
  {
    fault: 'the last row is forgotten where there are many',
    create: () =>
      withFault({
        cosineOutput: (output, request) => {
          if (outputRows(request) > 10_000) output[output.length - 1] = 0;
        },
        topKRequest: (request) => (request.matrix.rows > 10_000 ? { ...request, start: 1 } : request),
      }),
    noticedBy: [
      'cosine similarity: is correct for clustered rows and for a matrix large enough for several threads',
      'top-k: is correct for clustered rows and for a matrix large enough for several threads',
    ],
  },
  {
    fault: 'row ranges begin one row early',
    create: () =>
      withFault({
        cosineRequest: ({ start = 0, end = 0, ...request }) =>
          start > 0 ? { ...request, start: start - 1, end: end - 1 } : { ...request, start, end },
        spreadRequest: ({ start = 0, end = 0, ...request }) =>
          start > 0 ? { ...request, start: start - 1, end: end - 1 } : { ...request, start, end },
      }),
    noticedBy: [
      'cosine similarity: joined row ranges equal the whole, bit for bit',
      'spreading: joined ranges of receiving nodes equal the whole hop, bit for bit',
    ],
  },
  {
    fault: 'every query is answered like the first',
    create: () => {
      const repeatFirst = <T extends { readonly matrix: VectorMatrix; readonly query: Float32Array }>(
        request: T,
      ): T => ({
        ...request,
        query: request.query.map((_, i) => request.query[i % request.matrix.dimensions]),
      });
      return withFault({ cosineRequest: repeatFirst, topKRequest: repeatFirst });
    },
    noticedBy: [
      'cosine similarity: several queries give the same as each query alone, bit for bit',
      'top-k: several queries give the same as each query alone, bit for bit',
    ],
  },
  {
    fault: 'the last bits depend on the call',
    create: () => {
      let calls = 0;
      return withFault({
        cosineOutput: (output) => {
          calls += 1;
          if (calls > 2) output[0] = nextUp(output[0]);
        },
      });
    },
    noticedBy: ['semantics: the same input and options always give the same bits'],
  },
  {
    fault: 'an element beyond the output is written',
    create: () =>
      withFault({
        cosineOutput: (output) => {
          new Float32Array(output.buffer, output.byteOffset, output.length + 1)[output.length] = 0;
        },
      }),
    noticedBy: ['cosine similarity: is correct at the boundaries of dimensions and rows'],
  },
  {
    fault: 'the synchronous method rounds differently',
    create: () => {
      const right = createOracleBackend();
      const twin: SyncBackend['cosineSimilaritySync'] = (request, output) => {
        const answer = right.cosineSimilaritySync(request, output);
        output[0] = nextUp(output[0]);
        return answer;
      };
      return { ...right, cosineSimilaritySync: twin };
    },
    noticedBy: ['semantics: the same input and options always give the same bits'],
  },
];
