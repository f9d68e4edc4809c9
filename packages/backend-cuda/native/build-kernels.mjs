// node build-kernels.mjs
//
// Compiles the kernels to one fatbin: machine code for each generation of GPUs, and PTX for those to come.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNvcc } from './find-nvcc.mjs';

/** Turing, Ampere (data centre and desktop), Ada, Hopper, Blackwell (data centre and desktop). */
const ARCHITECTURES = [75, 80, 86, 89, 90, 100, 120];

const NATIVE = fileURLToPath(new URL('.', import.meta.url));
const BUILD = fileURLToPath(new URL('../build/', import.meta.url));

const nvcc = findNvcc();
if (nvcc === null)
  throw new Error('nvcc was not found: install a CUDA toolkit and put it on the PATH, or set CUDA_PATH');
// A toolkit knows the generations of its time.
const wanted = ARCHITECTURES.filter((architecture) => nvcc.architectures.includes(architecture));
const newest = wanted.at(-1);
mkdirSync(BUILD, { recursive: true });
const { status, error } = spawnSync(
  nvcc.path,
  [
    '-fatbin',
    '-std=c++17',
    '-O3',
    // The same bits as the simulator: a fused multiply-add only where the source says so.
    '-fmad=false',
    '--threads=2',
    '-Werror=all-warnings',
    `-I${NATIVE}`,
    ...wanted.map((architecture) => `-gencode=arch=compute_${architecture},code=sm_${architecture}`),
    `-gencode=arch=compute_${newest},code=compute_${newest}`,
    '-o',
    join(BUILD, 'kernels.fatbin'),
    join(NATIVE, 'kernels/kernels.cu'),
  ],
  { stdio: 'inherit' },
);
if (error !== undefined) console.error(`nvcc did not start: ${error.message}`);
// Machine code of a major version needs a driver of that version: the addon is built to say so.
writeFileSync(join(BUILD, 'kernels.toolkit'), `${nvcc.version}\n`);
process.exitCode = status ?? 1;
