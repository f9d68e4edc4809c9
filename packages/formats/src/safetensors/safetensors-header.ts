import { types } from 'node:util';
import type { ElementType } from '../elements/element-type.js';
import { quoteName } from '../escape-name.js';
import type { InputFile } from '../files/input-file.js';
import { parseStrictJson, type Json, type JsonProblem } from './parse-strict-json.js';

/** Bytes of the length of the header, before the header. */
export const LENGTH_BYTES = 8;
/** The reference implementation allows 100 MB. Files of models have less than 1 MiB. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;
/** The values of a tensor are lists in an object in an object. */
const MAX_DEPTH = 3;

/** Bytes of an element, by the name of its type. */
const TYPES: Readonly<Record<string, { readonly bits: number; readonly dtype?: ElementType }>> = {
  F64: { bits: 64, dtype: 'float64' },
  F32: { bits: 32, dtype: 'float32' },
  F16: { bits: 16, dtype: 'float16' },
  BF16: { bits: 16, dtype: 'bfloat16' },
  I8: { bits: 8, dtype: 'int8' },
  U8: { bits: 8, dtype: 'uint8' },
  BOOL: { bits: 8 },
  F8_E4M3: { bits: 8 },
  F8_E5M2: { bits: 8 },
  F8_E8M0: { bits: 8 },
  I16: { bits: 16 },
  U16: { bits: 16 },
  I32: { bits: 32, dtype: 'int32' },
  U32: { bits: 32 },
  I64: { bits: 64 },
  U64: { bits: 64 },
  C64: { bits: 64 },
  F4: { bits: 4 },
  F6_E2M3: { bits: 6 },
  F6_E3M2: { bits: 6 },
};

export interface Tensor {
  readonly name: string;
  /** As in the file, such as `BF16`. */
  readonly type: string;
  /** Undefined if this package does not read the type. */
  readonly dtype: ElementType | undefined;
  readonly shape: readonly number[];
  /** Position of the first byte in the file. */
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: readonly Tensor[];
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads the header and checks it whole: tensors cover the rest of the file without gaps and overlaps, as the format demands.
 *
 * @throws FormatError
 */
export async function readSafetensorsHeader(file: InputFile): Promise<SafetensorsHeader> {
  const lengthBytes = await file.read(0, Math.min(LENGTH_BYTES, file.sizeBytes));
  if (lengthBytes.length < LENGTH_BYTES) {
    throw file.error('foreign', 'not a safetensors file (it has fewer than 8 bytes)', 0);
  }
  const headerBytes = Number(new DataView(lengthBytes.buffer).getBigUint64(0, true));
  if (!file.has(LENGTH_BYTES, headerBytes)) {
    const problem = `not a safetensors file, or truncated: a header of ${headerBytes} bytes in a file of ${file.sizeBytes}`;
    throw file.error('foreign', problem, 0);
  }
  if (headerBytes > MAX_HEADER_BYTES) {
    throw file.error('too-large', `a header of ${headerBytes} bytes, expected at most ${MAX_HEADER_BYTES}`, 0);
  }
  const bytes = await file.read(LENGTH_BYTES, headerBytes, 'its header');
  const dataStart = LENGTH_BYTES + headerBytes;
  const root = parseHeader(file, bytes);

  const tensors: Tensor[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of root) {
    if (name === '__metadata__') metadata = requireMetadata(file, value);
    else tensors.push(requireTensor(file, name, value, dataStart));
  }
  requireCover(file, tensors, dataStart);
  return { tensors, metadata };
}

function parseHeader(file: InputFile, bytes: Uint8Array): ReadonlyMap<string, Json> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw file.error('damaged', 'the header is not UTF-8', LENGTH_BYTES, cause);
  }
  try {
    const root = parseStrictJson(text, MAX_DEPTH);
    if (types.isMap(root)) return root;
  } catch (error) {
    const offset = LENGTH_BYTES + Buffer.byteLength(text.slice(0, (error as JsonProblem).position));
    throw file.error(
      'damaged',
      `the header is not JSON that safetensors allows: ${(error as JsonProblem).message}`,
      offset,
    );
  }
  throw file.error('damaged', 'the header is JSON, but not an object', LENGTH_BYTES);
}

function requireMetadata(file: InputFile, value: Json): ReadonlyMap<string, string> {
  if (types.isMap(value) && [...(value as Map<string, Json>).values()].every((entry) => typeof entry === 'string')) {
    return value as ReadonlyMap<string, string>;
  }
  throw file.error('damaged', '__metadata__: expected an object of strings', LENGTH_BYTES);
}

function requireTensor(file: InputFile, name: string, value: Json, dataStart: number): Tensor {
  const fail = (problem: string) => file.error('damaged', `tensor ${quoteName(name)}: ${problem}`, LENGTH_BYTES);
  const entry = types.isMap(value) ? value : new Map<string, Json>();
  const [type, shape, offsets] = ['dtype', 'shape', 'data_offsets'].map((key) => entry.get(key));
  if (entry.size !== 3 || typeof type !== 'string' || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw fail('expected dtype, shape and two data_offsets, with whole numbers from 0 up');
  }
  if (!Object.hasOwn(TYPES, type)) throw fail(`the dtype ${quoteName(type)} is not known`);
  const { bits, dtype } = TYPES[type];
  const [start, end] = offsets;
  const expectedBytes = (shape.reduce((product, size) => product * size, 1) * bits) / 8;
  if (end - start !== expectedBytes) {
    throw fail(`its shape and dtype need ${expectedBytes} bytes, its data_offsets span ${end - start}`);
  }
  return { name, type, dtype, shape, start: dataStart + start, end: dataStart + end };
}

function isSizes(value: Json | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0));
}

function requireCover(file: InputFile, tensors: readonly Tensor[], dataStart: number): void {
  let covered = dataStart;
  for (const { name, start, end } of [...tensors].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== covered) {
      const problem = start < covered ? 'overlaps another one' : `begins ${start - covered} bytes after the one before`;
      throw file.error('damaged', `tensor ${quoteName(name)} ${problem}`, start);
    }
    covered = end;
  }
  if (covered > file.sizeBytes) {
    throw file.error('truncated', `truncated: the tensors end at byte ${covered}, the file before`, file.sizeBytes);
  }
  if (covered < file.sizeBytes) {
    throw file.error('damaged', `${file.sizeBytes - covered} bytes after the last tensor`, covered);
  }
}
