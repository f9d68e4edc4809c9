export { countCudaDevices, createCudaBackend, DEFAULT_HANG_MS, type CudaBackendOptions } from './cuda-backend.js';
