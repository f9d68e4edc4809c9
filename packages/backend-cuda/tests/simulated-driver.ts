import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadCudaSimulator, type CudaSimulator } from '@gearshift/cuda-simulator';

const PREBUILDS = fileURLToPath(new URL('../prebuilds', import.meta.url));

/** The simulated driver, in this process from now on; null where it or the addon was not built. */
export const simulator: CudaSimulator | null = existsSync(PREBUILDS) ? loadCudaSimulator() : null;

/** For the title of what is skipped. */
export const lacksSimulator =
  simulator === null ? ' (skipped: the CUDA addon or the simulated driver was not built here)' : '';

/** For the body of a group that is skipped without it: never used then. */
export function simulatorOrSkipped(): CudaSimulator {
  return simulator ?? ({} as CudaSimulator);
}
