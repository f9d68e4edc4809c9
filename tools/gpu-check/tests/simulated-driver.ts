import { createCudaBackend } from '@gearshift/backend-cuda';
import { loadCudaSimulator, type CudaSimulator } from '@gearshift/cuda-simulator';

const loaded = loadCudaSimulator();
const probe = loaded === null ? null : await createCudaBackend();
if (probe?.ok === true) await probe.value.close();

/** The simulated driver, loaded into this process; null if it or the CUDA addon was not built. */
export const simulator: CudaSimulator | null = probe?.ok === true ? loaded : null;

/** Suffix for the titles of skipped tests. */
export const lacksSimulator =
  simulator === null ? ' (skipped: the CUDA addon or the simulated driver was not built here)' : '';
