export { describeFile, verifyFile, type FileDescription, type SectionDescription } from './file/describe-file.js';
export { FileError, type FileErrorKind } from './file/file-error.js';
export type { MatrixFile } from './file/matrix-file.js';
export { openMatrix, type OpenMatrixOptions } from './file/open-matrix.js';
export { saveRows, type RowStream, type SaveRowsOptions } from './file/save-rows.js';
export { saveMatrix, type CompanionProvider, type SavedMatrix, type SaveOptions } from './file/save-matrix.js';
export type { GraphArrays, StoredEdges } from './graph-memory.js';
export { StoredGraph, type GraphHandle, type StoredGraphOptions } from './stored-graph.js';
export {
  REMOVED_ROW,
  StoredMatrix,
  type PinnedMatrix,
  type RowElements,
  type RowUpdate,
  type StoredHandle,
  type StoredMatrixOptions,
} from './stored-matrix.js';
export { copyRows, isListLike, type RowValues } from './to-rows.js';
export type { Version } from './version.js';
