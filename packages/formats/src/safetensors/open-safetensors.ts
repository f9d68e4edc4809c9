import { quoteName, quoteNames } from '../escape-name.js';
import type { InputFile } from '../files/input-file.js';
import { readRows } from '../files/read-rows.js';
import { requireDimensions } from '../limits.js';
import { describeShape } from '../npy/open-npy.js';
import type { OpenOptions } from '../open-vectors.js';
import type { FileEntry, VectorReader } from '../vector-file.js';
import { readSafetensorsHeader, type Tensor } from './safetensors-header.js';

/** Name of the entry in `__metadata__` with the scale of int8 elements. It belongs to Gearshift. */
export const SCALE_KEY = 'gearshift.scale';

/** Opens one tensor of a safetensors file: that of the given name, or the only one with two dimensions. */
export async function openSafetensors(
  file: InputFile,
  { tensor: name, allowSingle = false }: OpenOptions,
): Promise<VectorReader> {
  const { tensors, metadata } = await readSafetensorsHeader(file);
  const tensor = chooseTensor(file, tensors, name);
  const { dtype, shape, type, start } = tensor;
  if (dtype === undefined) {
    const problem = `tensor ${quoteName(tensor.name)} has the dtype ${type}, expected F32, F64, F16, BF16, I8, U8 or I32`;
    throw file.error('unsupported', problem);
  }
  const isSingle = allowSingle && shape.length === 1;
  if (shape.length !== 2 && !isSingle) {
    const problem = `tensor ${quoteName(tensor.name)} has the shape ${describeShape(shape)}, expected rows x dimensions`;
    throw file.error('unsupported', problem);
  }
  const [rows, dimensions] = isSingle ? [1, shape[0]] : shape;
  requireDimensions(file, dimensions);
  const scale = dtype === 'int8' ? readScale(file, metadata.get(SCALE_KEY)) : 1;
  const place = { position: start, rows, dimensions, dtype, scale, isBigEndian: false };
  return {
    ...{ rows, dimensions, dtype, scale, details: { tensor: tensor.name, tensors: tensors.length } },
    batches: (maxRows) => readRows(file, place, maxRows),
  };
}

/** The tensors of a safetensors file. */
export async function listSafetensors(file: InputFile): Promise<readonly FileEntry[]> {
  const { tensors } = await readSafetensorsHeader(file);
  return tensors.map(({ name, type, shape }) => ({ name, type, shape }));
}

function chooseTensor(file: InputFile, tensors: readonly Tensor[], name: string | undefined): Tensor {
  const known =
    tensors.length === 0 ? 'there are none' : `there are ${quoteNames(tensors.map((tensor) => tensor.name))}`;
  if (name !== undefined) {
    const tensor = tensors.find((candidate) => candidate.name === name);
    if (tensor === undefined) throw file.error('not-found', `no tensor ${quoteName(name)}; ${known}`);
    return tensor;
  }
  const matrices = tensors.filter(({ shape }) => shape.length === 2);
  const candidates = matrices.length > 0 ? matrices : tensors.filter(({ shape }) => shape.length === 1);
  if (candidates.length === 1) return candidates[0];
  if (matrices.length === 0) throw file.error('not-found', `no tensor with the shape rows x dimensions; ${known}`);
  const problem = `${matrices.length} tensors with two dimensions: ${quoteNames(matrices.map((tensor) => tensor.name))}; choose one by its name`;
  throw file.error('ambiguous', problem);
}

function readScale(file: InputFile, text: string | undefined): number {
  if (text === undefined) return 1;
  const scale = Number(text);
  if (scale > 0 && scale < Infinity) return scale;
  throw file.error('damaged', `${SCALE_KEY} in __metadata__: expected a positive number, got ${quoteName(text)}`);
}
