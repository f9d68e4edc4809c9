export {
  createWebGpuBackend,
  DEFAULT_HANG_MS,
  MOST_DEFAULT_BYTES,
  POWER_PREFERENCES,
  type WebGpuBackendOptions,
} from './webgpu-backend.js';
