export { bfloat16ToFloat32, toBfloat16 } from './elements/bfloat16.js';
export { ELEMENT_BYTES, ELEMENT_TYPES, type ElementType, type RawValues } from './elements/element-type.js';
export { float16ToFloat32, toFloat16 } from './elements/float16.js';
export { int8Scale, int8ToFloat32, toInt8 } from './elements/int8.js';
export { FORMAT_ERROR_KINDS, FormatError, type FormatErrorKind, type FormatProblem } from './format-error.js';
export { formatOfPath } from './formats.js';
export { listEntries, type ListOptions } from './list-entries.js';
export { openVectors, type OpenOptions } from './open-vectors.js';
export { VectorBatch, type ColumnValue } from './vector-batch.js';
export { VECTOR_FORMATS, VectorFile, type BatchOptions, type FileEntry, type VectorFormat } from './vector-file.js';
export { vectorsFrom, type MemoryVectors, type VectorsOptions } from './vectors-from.js';
export {
  WRITABLE_FORMATS,
  writeVectors,
  type VectorSource,
  type WritableFormat,
  type WriteOptions,
  type WrittenVectors,
} from './write-vectors.js';
