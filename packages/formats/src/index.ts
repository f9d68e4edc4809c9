export {
  bfloat16ToFloat32,
  float16ToFloat32,
  int8Scale,
  int8ToFloat32,
  toBfloat16,
  toFloat16,
  toInt8,
} from '@gearshift/contracts/internal';
export { convertBatches, type ConvertedBatch } from './elements/convert-batches.js';
export { ELEMENT_BYTES, ELEMENT_TYPES, type ElementType, type RawValues } from './elements/element-type.js';
export { FORMAT_ERROR_KINDS, FormatError, type FormatErrorKind, type FormatProblem } from './format-error.js';
export { formatOfPath } from './formats.js';
export { listEntries, type ListOptions } from './list-entries.js';
export { openVectors, type OpenOptions } from './open-vectors.js';
export { VectorBatch, type ColumnValue } from './vector-batch.js';
export { VECTOR_FORMATS, VectorFile, type BatchOptions, type FileEntry, type VectorFormat } from './vector-file.js';
export type { VectorSource } from './vector-source.js';
export { vectorsFrom, type MemoryVectors, type VectorsOptions } from './vectors-from.js';
export {
  WRITABLE_FORMATS,
  writeVectors,
  type WritableFormat,
  type WriteOptions,
  type WrittenVectors,
} from './write-vectors.js';
