import { setImmediate } from 'node:timers/promises';
import { prepareTopK, type TopKRequest } from '@gearshift/contracts';
import type { BrokenBackend } from './broken-backend.js';
import { withFault, withMethods, withoutTwins } from './with-fault.js';

/** Faults of `where`, `minScore` and removed rows. */
export const wrongFilters: readonly BrokenBackend[] = [
  {
    fault: 'where is ignored',
    create: () => withFault({ topKRequest: (request) => withoutWhere(request) }),
    noticedBy: ['where: ranks exactly the rows of a set, of any density and pattern'],
  },
  {
    fault: 'where is ignored in a large matrix',
    create: () =>
      withFault({ topKRequest: (request) => (request.matrix.rows < 10_000 ? request : withoutWhere(request)) }),
    noticedBy: ['where: ranks the rows of a set in a matrix large enough for several threads'],
  },
  {
    fault: 'with where, indices count from the start of the range',
    create: () =>
      withFault({
        topKOutput({ indices }, { where, start = 0 }) {
          if (where !== undefined) indices.set(indices.map((index) => index - start));
        },
      }),
    noticedBy: ['where: ranks the rows of a set that are in the range, and among them ties by lower index'],
  },
  {
    fault: 'with where, NaN rows come in descending order',
    create: () =>
      withFault({
        topKOutput({ indices, scores, count }, { where }) {
          if (where === undefined || !Number.isNaN(scores[count - 2])) return;
          indices.subarray(count - 2, count).reverse();
        },
      }),
    noticedBy: ['where: ranks NaN rows of the set last, and none of the other rows'],
  },
  {
    fault: 'a set that is shorter than the matrix is ignored',
    create: () =>
      withMethods((right) => ({
        cosineSimilarity: async (request, output, signal) => {
          const { where, matrix } = request;
          const isShort = where !== undefined && where.rowCount < matrix.rows;
          return right.cosineSimilarity(isShort ? { ...request, where: undefined } : request, output, signal);
        },
      })),
    noticedBy: [
      'where: takes plain data, sets that are shorter than the matrix and shared memory, and ignores bits past them',
    ],
  },
  {
    fault: 'where is ignored where there are candidates',
    create: () =>
      withMethods((right) => ({
        async topK(request, output, signal) {
          const { count } = prepareTopK(request);
          const ignores = request.candidates !== undefined && count > 0;
          return right.topK(ignores ? { ...request, where: undefined, k: count } : request, output, signal);
        },
      })),
    noticedBy: ['where: considers only the candidates that are in the set'],
  },
  {
    fault: 'rows outside of where score 0',
    create: () =>
      withFault({
        cosineOutput(output, { where }) {
          if (where !== undefined) output.set(output.map((score) => (Number.isNaN(score) ? 0 : score)));
        },
      }),
    noticedBy: ['where: rows outside of the set score NaN, and the others as without a set, bit for bit'],
  },
  {
    fault: 'where is read some time after the call',
    create: () =>
      withoutTwins(
        withMethods((right) => ({
          async topK(request, output, signal) {
            await setImmediate();
            return right.topK(request, output, signal);
          },
        })),
      ),
    noticedBy: ['where: is read at the call, so a change of the set while a request is under way does not affect it'],
  },
  {
    fault: 'removed rows are ranked',
    create: () =>
      withFault({
        topKRequest: (request) => withoutWhere({ ...request, matrix: { ...request.matrix, removed: undefined } }),
      }),
    noticedBy: ['removed rows: are in no ranking and score NaN, whatever where and the candidates say'],
  },
  {
    fault: 'a score of exactly minScore does not reach it',
    create: () =>
      withFault({
        topKOutput(output, { minScore, queries }) {
          if (queries === 1) while (output.scores[output.count - 1] === minScore) output.count -= 1;
        },
      }),
    noticedBy: ['minScore: leaves the entries of the ranking without it that score at least as well, bit for bit'],
  },
  {
    fault: 'NaN reaches a minScore that every number reaches',
    create: () =>
      withFault({
        topKRequest: ({ minScore, ...request }) => {
          const isWorst = minScore === (request.metric === 'euclidean' ? Infinity : -Infinity);
          return isWorst ? request : { ...request, minScore };
        },
      }),
    noticedBy: ['minScore: is not reached by NaN'],
  },
  {
    fault: 'minScore is compared in double precision',
    create: () =>
      withMethods((right) => ({
        async topK(request, output, signal) {
          const answer = await right.topK(request, output, signal);
          const { minScore = -Infinity, queries = 1 } = request;
          if (queries === 1) while (output.scores[output.count - 1] < minScore) output.count -= 1;
          return answer;
        },
      })),
    noticedBy: ['minScore: is rounded to float32, so that a score reaches itself as it is printed'],
  },
  {
    fault: 'zeros fill up the lists of queries with fewer rows that reach minScore',
    create: () =>
      withFault({
        topKOutput({ indices, scores, count, counts }) {
          for (const [query, length] of (counts ?? []).entries()) {
            indices.fill(0, query * count + length, (query + 1) * count);
            scores.fill(0, query * count + length, (query + 1) * count);
          }
        },
      }),
    noticedBy: ['minScore: with several queries gives each its own number of entries, and fills the others up'],
  },
  {
    fault: 'minScore is ignored where there are candidates',
    create: () =>
      withFault({
        topKRequest: ({ minScore, ...request }) =>
          request.candidates === undefined ? { ...request, minScore } : request,
      }),
    noticedBy: ['minScore: merely drops candidates and rows of a range'],
  },
];

/** The same number of entries, from all rows. */
function withoutWhere(request: TopKRequest): TopKRequest {
  const { count } = prepareTopK(request);
  return count === 0 ? request : { ...request, where: undefined, k: count };
}
