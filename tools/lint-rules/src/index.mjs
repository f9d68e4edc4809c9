export { ALLOWED_IMPORTS, depConstraints, mayImport } from './module-boundaries.mjs';
export { noIgnoredResult } from './no-ignored-result.mjs';
