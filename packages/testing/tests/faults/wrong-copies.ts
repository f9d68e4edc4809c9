import type { Elements, VectorMatrix } from '@gearshift/contracts';
import { createFakeGpuBackend } from '../../src/index.js';
import { type BrokenBackend } from './broken-backend.js';
import { withFault } from './with-fault.js';

const CODES =
  'companions: a large matrix with codes is ranked by every metric, with a row set, removed rows and changed ones';

/** Faults of copies. */
export const wrongCopies: readonly BrokenBackend[] = [
  {
    fault: 'copies are looked up by id alone',
    create: () => {
      const values = new Map<number, Elements>();
      const weights = new Map<number, Float32Array>();
      return withFault({
        cosineRequest(request) {
          const { matrix } = request;
          const copy = values.get(matrix.id) ?? matrix.values.slice();
          values.set(matrix.id, copy);
          return { ...request, matrix: { ...matrix, values: copy } };
        },
        spreadRequest(request) {
          const { graph } = request;
          const copy = weights.get(graph.id) ?? graph.weights.slice();
          weights.set(graph.id, copy);
          return { ...request, graph: { ...graph, weights: copy } };
        },
      });
    },
    noticedBy: [
      'residency: a request with a changed matrix never uses an old copy',
      'residency: a request with a changed graph never uses an old copy',
    ],
  },
  {
    fault: 'copies are looked up by shape',
    create: () => {
      const values = new Map<number, Elements>();
      return withFault({
        cosineRequest(request) {
          const { matrix } = request;
          const copy = values.get(matrix.values.length) ?? matrix.values.slice();
          values.set(matrix.values.length, copy);
          return { ...request, matrix: { ...matrix, values: copy } };
        },
      });
    },
    noticedBy: ['residency: operands of the same shape are not confused'],
  },
  {
    fault: 'rankings with codes use those of rows before they changed',
    create: () => {
      const values = new Map<number, Elements>();
      return withFault({
        topKRequest(request) {
          const { matrix } = request;
          if (matrix.companion !== 'codes') return request;
          const copy = values.get(matrix.id) ?? matrix.values.slice();
          values.set(matrix.id, copy);
          return { ...request, matrix: { ...matrix, values: copy } };
        },
      });
    },
    noticedBy: [CODES],
  },
  {
    fault: 'rankings with codes miss a good row',
    create: () =>
      withFault({
        topKOutput({ indices, scores, count }, { matrix }) {
          if (matrix.companion !== 'codes' || count < 2) return;
          // The last one twice, but as another row.
          indices.copyWithin(1, 2, count);
          scores.copyWithin(1, 2, count);
          indices[count - 1] = matrix.rows - 1;
        },
      }),
    noticedBy: [CODES],
  },
  {
    fault: 'residency is always reported',
    create: () => ({ ...createFakeGpuBackend(), residency: () => ({ residentBytes: 8, bytesToUpload: 0 }) }),
    noticedBy: [
      'residency: is reported correctly for matrix and graph, before and after a copy, a change and a release',
    ],
  },
  {
    fault: 'a copy lacks the last row',
    create: () => {
      const gpu = createFakeGpuBackend();
      return {
        ...gpu,
        async cosineSimilarity(request, output, signal) {
          const answer = await gpu.cosineSimilarity(request, output, signal);
          if (gpu.residency(request.matrix as VectorMatrix).residentBytes > 0) output[output.length - 1] = 0;
          return answer;
        },
      };
    },
    noticedBy: ['residency: scores are the same with a copy, after its release and without one'],
  },
  {
    fault: 'a copy is made in spite of an abort',
    create: () => {
      const gpu = createFakeGpuBackend();
      return { ...gpu, makeResident: (operand) => gpu.makeResident(operand) };
    },
    noticedBy: ['residency: no copy is made after an abort or after close()'],
  },
];
