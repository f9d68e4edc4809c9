export { createCpuBackend, type CpuBackendOptions } from './cpu-backend.js';
export { CPU_LEVELS, type CpuLevel } from './cpu-level.js';
export { nativeRows } from './native-rows.js';
export { createPortableBackend } from './portable/portable-backend.js';
