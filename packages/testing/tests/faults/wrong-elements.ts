import type { Dtype, VectorMatrix } from '@gearshift/contracts';
import type { BrokenBackend } from './broken-backend.js';
import { withFault } from './with-fault.js';

type NarrowDtype = Exclude<Dtype, 'float32'>;

const CHECKS = {
  sizes: 'scores and ranks like the values of its elements, at the boundaries of dimensions and rows',
  places: 'scores and ranks rows that begin on any element, and special ones',
  requests: 'answers several queries, ranges, candidates and filters',
  threads: 'is correct for a matrix large enough for several threads',
} as const;

/** Reads a matrix of a type wrongly. */
function misreading(dtype: NarrowDtype, change: (matrix: VectorMatrix) => VectorMatrix) {
  const changed = <R extends { readonly matrix: VectorMatrix }>(request: R): R =>
    request.matrix.dtype === dtype ? { ...request, matrix: change(request.matrix) } : request;
  return withFault({ cosineRequest: changed, topKRequest: changed });
}

function withElements(matrix: VectorMatrix, change: (element: number) => number): VectorMatrix {
  const values = matrix.values.slice();
  for (let i = 0; i < values.length; i++) values[i] = change(values[i]);
  return { ...matrix, values };
}

const names = (dtype: NarrowDtype, ...checks: readonly (keyof typeof CHECKS)[]) =>
  checks.map((check) => `${dtype}: ${CHECKS[check]}`);

/** Faults of element types. */
export const wrongElements: readonly BrokenBackend[] = [
  {
    fault: 'float16 is read as bfloat16',
    create: () => misreading('float16', (matrix) => ({ ...matrix, dtype: 'bfloat16' })),
    noticedBy: names('float16', 'sizes', 'requests', 'threads'),
  },
  {
    fault: 'bfloat16 is read as float16',
    create: () => misreading('bfloat16', (matrix) => ({ ...matrix, dtype: 'float16' })),
    noticedBy: names('bfloat16', 'sizes', 'requests', 'threads'),
  },
  {
    fault: 'the scale of int8 is ignored',
    create: () => misreading('int8', (matrix) => ({ ...matrix, scale: 1 })),
    noticedBy: names('int8', 'sizes', 'requests', 'threads'),
  },
  {
    fault: 'the largest float16 numbers are read as infinite',
    create: () =>
      misreading('float16', (matrix) => withElements(matrix, (bits) => ((bits & 0x7c00) === 0x7800 ? 0x7c00 : bits))),
    noticedBy: names('float16', 'places'),
  },
  {
    fault: 'NaN of bfloat16 is read as infinite',
    create: () =>
      misreading('bfloat16', (matrix) =>
        withElements(matrix, (bits) => ((bits & 0x7fff) > 0x7f80 ? (bits & 0x8000) | 0x7f80 : bits)),
      ),
    noticedBy: names('bfloat16', 'places'),
  },
  {
    fault: 'the int8 number -128 is read as -127',
    create: () => misreading('int8', (matrix) => withElements(matrix, (element) => Math.max(-127, element))),
    noticedBy: names('int8', 'places'),
  },
];
