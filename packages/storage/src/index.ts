export type { Version } from './generation.js';
export {
  REMOVED_ROW,
  StoredMatrix,
  type PinnedMatrix,
  type RowUpdate,
  type StoredHandle,
  type StoredMatrixOptions,
} from './stored-matrix.js';
export { copyRows, isListLike, type RowValues } from './to-rows.js';
