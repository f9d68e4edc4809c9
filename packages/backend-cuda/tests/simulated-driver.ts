import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadCudaSimulator, type CudaSimulator } from '@gearshift/cuda-simulator';

const PREBUILDS = fileURLToPath(new URL('../prebuilds', import.meta.url));

/** The simulated driver, loaded into this process; null if it or the addon was not built. */
export const simulator: CudaSimulator | null = existsSync(PREBUILDS) ? loadCudaSimulator() : null;

/** Suffix for the titles of skipped tests. */
export const lacksSimulator =
  simulator === null ? ' (skipped: the CUDA addon or the simulated driver was not built here)' : '';

/** For the body of a group that is skipped without the simulator, where it is never used. */
export function simulatorOrSkipped(): CudaSimulator {
  return simulator ?? ({} as CudaSimulator);
}
