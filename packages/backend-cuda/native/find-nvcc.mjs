import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The CUDA compiler of this machine.
 *
 * @returns {{ path: string, version: string, architectures: number[] } | null} null where there is none
 */
export function findNvcc() {
  const folders = [process.env['CUDA_PATH'], process.env['CUDA_HOME'], '/usr/local/cuda'].filter(Boolean);
  const places = ['nvcc', ...folders.map((folder) => join(folder, 'bin/nvcc')).filter(existsSync)];
  for (const path of places) {
    const version = run(path, '--version')?.match(/release ([\d.]+)/)?.[1];
    if (version === undefined) continue;
    const listed = run(path, '--list-gpu-code') ?? '';
    return { path, version, architectures: [...listed.matchAll(/sm_(\d+)$/gm)].map(([, number]) => Number(number)) };
  }
  return null;
}

function run(program, argument) {
  const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };
  const { status, stdout } = spawnSync(program, [argument], { encoding: 'utf8', env });
  return status === 0 ? stdout : null;
}
