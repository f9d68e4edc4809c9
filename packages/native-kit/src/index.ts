export {
  ADDON_STATUS,
  DTYPE_CODES,
  METRIC_CODES,
  RESIDENT_STATE,
  type AddonModule,
  type JobEntries,
  type ResidentEntries,
} from './addon-entries.js';
export type { AddonPackage } from './addon-package.js';
export { AddonPathError } from './addon-path-error.js';
export { BackendFailures, type Failure } from './backend-failures.js';
export { CheckedBackend, NO_TIME, type Answer } from './checked-backend.js';
export { copyIdOf } from './copy-id.js';
export { detectLibc } from './libc.js';
export { loadAddon, type AddonPlaces, type LoadedAddon } from './load-addon.js';
export { describeBrokenPlaces, type LoadFailure } from './load-failure.js';
export { warnAboutMissingAddon } from './missing-addon-warning.js';
export { OpenState } from './open-state.js';
export { currentPlatform } from './platform.js';
export { formatOf, hasFormatOf, isMatrix, ResidentOperands, shapeOf, type CopyState } from './resident-operands.js';
export { runJob } from './run-job.js';
export { meaningOfStatus } from './status-meaning.js';
