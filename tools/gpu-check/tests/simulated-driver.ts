import { createCudaBackend } from '@gearshift/backend-cuda';
import { loadCudaSimulator, type CudaSimulator } from '@gearshift/cuda-simulator';

const loaded = loadCudaSimulator();
const probe = loaded === null ? null : await createCudaBackend();
if (probe?.ok === true) await probe.value.close();

/** The simulated driver, in this process from now on; null where it or the CUDA addon was not built. */
export const simulator: CudaSimulator | null = probe?.ok === true ? loaded : null;

/** For the title of what is skipped. */
export const lacksSimulator =
  simulator === null ? ' (skipped: the CUDA addon or the simulated driver was not built here)' : '';
