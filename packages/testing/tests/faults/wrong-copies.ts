import { createFakeGpuBackend } from '../../src/index.js';
import { type BrokenBackend } from './broken-backend.js';
import { withFault } from './with-fault.js';

/** Faults of copies. */
export const wrongCopies: readonly BrokenBackend[] = [
  {
    fault: 'a copy is found by its id alone',
    create: () => {
      const values = new Map<number, Float32Array>();
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
      'residency: a changed matrix is never answered from an old copy',
      'residency: a changed graph is never answered from an old copy',
    ],
  },
  {
    fault: 'a copy is found by its shape',
    create: () => {
      const values = new Map<number, Float32Array>();
      return withFault({
        cosineRequest(request) {
          const { matrix } = request;
          const copy = values.get(matrix.values.length) ?? matrix.values.slice();
          values.set(matrix.values.length, copy);
          return { ...request, matrix: { ...matrix, values: copy } };
        },
      });
    },
    noticedBy: ['residency: operands of the same shape are not mistaken for each other'],
  },
  {
    fault: 'residency is always reported',
    create: () => ({ ...createFakeGpuBackend(), residency: () => ({ residentBytes: 8, bytesToUpload: 0 }) }),
    noticedBy: ['residency: is told truly for matrix and graph, before and after a copy, a change and a release'],
  },
  {
    fault: 'a copy lacks the last row',
    create: () => {
      const gpu = createFakeGpuBackend();
      return {
        ...gpu,
        async cosineSimilarity(request, output, signal) {
          const answer = await gpu.cosineSimilarity(request, output, signal);
          if (gpu.residency(request.matrix).residentBytes > 0) output[output.length - 1] = 0;
          return answer;
        },
      };
    },
    noticedBy: ['residency: a copy, its release and its absence give the same scores'],
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
