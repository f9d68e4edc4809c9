import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadCudaSimulator } from '@gearshift/cuda-simulator';
import { readKernelParameters } from './read-cubin.js';

const NATIVE = fileURLToPath(new URL('../../../packages/backend-cuda/native', import.meta.url));

interface Nvcc {
  readonly path: string;
}
const finder = (await import(join(NATIVE, 'find-nvcc.mjs'))) as { findNvcc: () => Nvcc | null };
const nvcc = finder.findNvcc();
const simulator = loadCudaSimulator();
const lacks = nvcc === null ? 'nvcc' : simulator === null ? 'the simulated driver' : null;

test.skipIf(lacks !== null)(
  `the simulator's kernels and those that nvcc compiles have the same names and parameters${lacks === null ? '' : ` (skipped: needs ${lacks})`}`,
  { timeout: 120_000 },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'gearshift-cubin-'));
    try {
      const cubin = join(folder, 'kernels.cubin');
      const args = [
        '-cubin',
        '-arch=sm_80',
        '-std=c++17',
        `-I${NATIVE}`,
        '-o',
        cubin,
        join(NATIVE, 'kernels/kernels.cu'),
      ];
      execFileSync(nvcc?.path ?? '', args);
      const simulated = new Map(simulator?.kernels().map(([name, ...bytes]) => [name, bytes]));
      const compiled = readKernelParameters(readFileSync(cubin));
      expect(compiled.size).toBeGreaterThan(8);
      expect(simulated).toEqual(compiled);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
