import { type BrokenBackend } from './broken-backend.js';
import { withFault } from './with-fault.js';

/** Faults of the order. */
export const wrongRankings: readonly BrokenBackend[] = [
  {
    fault: 'ties rank by higher index',
    create: () =>
      withFault({
        topKOutput: ({ indices, scores }) => {
          let first = 0;
          for (let i = 1; i <= scores.length; i++) {
            if (i < scores.length && scores[i] === scores[first]) continue;
            indices.subarray(first, i).reverse();
            first = i;
          }
        },
      }),
    noticedBy: [
      'semantics: ties rank by lower index, under every metric, in every part of the matrix',
      'top-k: has the same scores, bit for bit, and the same order as a full sort of the cosine similarities',
    ],
  },
  {
    fault: 'distances rank descending',
    create: () =>
      withFault({
        topKOutput({ indices, scores }, { metric }) {
          if (metric !== 'euclidean') return;
          indices.reverse();
          scores.reverse();
        },
      }),
    noticedBy: ['semantics: cosine and dot rank descending, the euclidean distance ascending'],
  },
  {
    fault: 'k is not clamped',
    create: () => withFault({ topKOutput: (output, { k }) => void (output.count = k) }),
    noticedBy: ['semantics: k is clamped to the number of rows, and count is the clamped value'],
  },
  {
    fault: 'the last two of more than 255 are swapped',
    create: () =>
      withFault({
        topKOutput({ indices, scores, count }) {
          if (count <= 255) return;
          indices.subarray(count - 2, count).reverse();
          scores.subarray(count - 2, count).reverse();
        },
      }),
    noticedBy: ['top-k: is correct at the boundaries of rows and k'],
  },
  {
    fault: 'a small k misses the best row',
    create: () =>
      withFault({
        topKOutput({ indices }, { k, matrix }) {
          if (k < 20) indices[0] = (indices[0] + 1) % matrix.rows;
        },
      }),
    noticedBy: ['top-k: returns the first half of the best 2k as the best k, bit for bit, under every metric'],
  },
  {
    fault: 'indices count from the start of the range',
    create: () =>
      withFault({ topKOutput: ({ indices }, { start = 0 }) => indices.set(indices.map((index) => index - start)) }),
    noticedBy: ['top-k: merged row ranges equal the whole, bit for bit'],
  },
  {
    fault: 'candidates are ignored',
    create: () => withFault({ topKRequest: ({ candidates: _, ...request }) => request }),
    noticedBy: ['top-k: considers only the candidates, in any order'],
  },
];
