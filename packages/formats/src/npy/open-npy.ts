import { ELEMENT_BYTES, type ElementType } from '../elements/element-type.js';
import { quoteName } from '../escape-name.js';
import type { InputFile } from '../files/input-file.js';
import { readRows } from '../files/read-rows.js';
import { requireDimensions } from '../limits.js';
import type { OpenOptions } from '../open-vectors.js';
import type { FileEntry, VectorReader } from '../vector-file.js';
import { readNpyHeader, type NpyHeader } from './npy-header.js';

/** By the letter and the size of numpy's name, without the byte order. */
const DTYPES: Readonly<Record<string, ElementType>> = {
  f4: 'float32',
  f8: 'float64',
  f2: 'float16',
  i1: 'int8',
  u1: 'uint8',
};

/** Opens an `.npy` file: format 1.0 to 3.0, floats of both byte orders or bytes, C order, two dimensions. */
export async function openNpy(file: InputFile, { allowSingle = false }: OpenOptions): Promise<VectorReader> {
  const { header, dataStart } = await readNpyHeader(file);
  const { dtype, isBigEndian, rows, dimensions } = requireVectors(file, header, allowSingle);
  const dataBytes = file.sizeBytes - dataStart;
  const expectedBytes = rows * dimensions * ELEMENT_BYTES[dtype];
  if (dataBytes !== expectedBytes) {
    const shape = `${describeShape(header.shape)} ${header.descr}`;
    if (dataBytes < expectedBytes) {
      const problem = `truncated: ${shape} needs ${expectedBytes} bytes, got ${dataBytes}`;
      throw file.error('truncated', problem, file.sizeBytes);
    }
    const problem = `too long: ${shape} needs ${expectedBytes} bytes, got ${dataBytes}`;
    throw file.error('damaged', problem, dataStart + expectedBytes);
  }
  requireDimensions(file, dimensions);
  const place = { position: dataStart, rows, dimensions, dtype, scale: 1, isBigEndian };
  return {
    ...{ rows, dimensions, dtype, scale: 1, details: { numpyDtype: header.descr } },
    batches: (maxRows) => readRows(file, place, maxRows),
  };
}

/** The one array of an `.npy` file, of any shape and element type. */
export async function listNpy(file: InputFile): Promise<readonly FileEntry[]> {
  const { header } = await readNpyHeader(file);
  return [{ name: undefined, type: header.descr, shape: header.shape }];
}

function requireVectors(file: InputFile, { descr, fortranOrder, shape }: NpyHeader, allowSingle: boolean) {
  const dtype = Object.hasOwn(DTYPES, descr.slice(1)) ? DTYPES[descr.slice(1)] : undefined;
  if (dtype === undefined || !'<>|='.includes(descr[0]) || (descr.startsWith('|') && ELEMENT_BYTES[dtype] > 1)) {
    const known = '<f4 or <f8 (float32 or float64), >f4, >f8, <f2, >f2, |i1 or |u1';
    const problem = `dtype ${quoteName(descr).slice(1, -1)}, expected ${known}; convert it with array.astype('<f4')`;
    throw file.error('unsupported', problem);
  }
  const isSingle = allowSingle && shape.length === 1;
  if (shape.length !== 2 && !isSingle) {
    const wanted = allowSingle ? 'one vector or rows x dimensions' : 'rows x dimensions';
    const remedy = shape.length === 1 ? '; for one vector, save array.reshape(1, -1)' : '';
    throw file.error('unsupported', `shape ${describeShape(shape)}, expected ${wanted}${remedy}`);
  }
  const [rows, dimensions] = isSingle ? [1, shape[0]] : shape;
  if (dimensions === 0) {
    throw file.error('unsupported', `shape ${describeShape(shape)}, expected at least one row and one dimension`);
  }
  if (fortranOrder && !isSingle) {
    throw file.error('unsupported', 'Fortran order, expected C order (save it with numpy.ascontiguousarray)');
  }
  return { dtype, isBigEndian: descr.startsWith('>'), rows, dimensions };
}

/** In the notation of a Python tuple. A hostile header may have thousands of sizes. */
export function describeShape(shape: readonly number[]): string {
  if (shape.length > 8) return `of ${shape.length} sizes`;
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
}
