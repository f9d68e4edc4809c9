// Shared by the packages of Gearshift besides the contracts: not for users, and may change with any release.
export {
  expected,
  requireExpectedUses,
  requireFinite,
  requireFloat32Array,
  requireInteger,
  requireObject,
  requireOneOf,
  requireAwaited,
  requireSignal,
} from './arguments.js';
export { CheckedMatrix } from './checked-matrix.js';
export { bfloat16ToFloat32, toBfloat16 } from './elements/bfloat16.js';
export {
  DTYPE_BYTES,
  elementsToFloat32,
  elementsView,
  isFloat16Array,
  requireElements,
  requireScale,
  toElements,
  type ElementFormat,
} from './elements/dtype.js';
export { readsElements } from './elements/reads-elements.js';
export { float16ToFloat32, toFloat16 } from './elements/float16.js';
export { int8Scale, int8ToFloat32, largestFinite, toInt8 } from './elements/int8.js';
export { enterEdges, isGraph, requireNodes } from './graph.js';
export { isError } from './is-error.js';
export { describeValue } from './describe-value.js';
export { describeThrown } from './describe-thrown.js';
export { isTurnDue, nextTurn } from './event-loop-turn.js';
export { isGuarded } from './is-guarded.js';
export { elementsOf, spansChangedSince } from './matrix.js';
export { CheckedPlacedMatrix, refusePlaced } from './placed-matrix.js';
export { nextOperandId } from './operand-id.js';
export { checkOptions, ownFields, optionNames, own, readOptions, requirePlain, type OptionNames } from './options.js';
export { cosineSimilarity } from './operations/cosine-similarity.js';
export { effectiveRows } from './operations/effective-rows.js';
export { hasCounts, requireMinScore } from './operations/min-score.js';
export type { Operation } from './operations/operation.js';
export { operationOf, type AnyOperation, type OperationOutput } from './operations/operations.js';
export { PreparedSpreadActivation, spreadActivation } from './operations/spread-activation.js';
export { addSearches, searchOf, setSearch } from './operations/search-counts.js';
export { PreparedTopK, topK } from './operations/top-k.js';
export { requireMatrix } from './operations/scan-inputs.js';
export { requireRange } from './row-range.js';
export { countRows, hasRow, listRows, nextRow } from './row-set.js';
export { requireFrom, resolveFrom, searchPlaces } from './search-places.js';
export { readHostMemory, type HostMemory, type HostMemoryFiles } from './host-memory/host-memory.js';
