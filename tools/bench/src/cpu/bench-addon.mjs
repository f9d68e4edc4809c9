import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../../../../packages/backend-cpu/', import.meta.url));
const OUTPUT = join(PACKAGE, 'build/bench');
const require = createRequire(import.meta.url);

/**
 * The kernels of the CPU backend's core, and pure reads of the same memory (packages/backend-cpu/native/bench), compiled on
 * demand.
 *
 * @param {(message: string) => void} log
 * @returns {{ levels(): string[], open(level: string, rows: number, dimensions: number): number, close(workload: number): void,
 *   tasks(workload: number): string[], run(workload: number, task: number, times: number): void }}
 */
export function loadBenchAddon(log) {
  log('Compiling the kernels for the benchmark ...');
  const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin/cmake-js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [cmakeJs, 'build', '--directory', PACKAGE, '--out', OUTPUT, '--config', 'Release', '--CDGEARSHIFT_BENCH=ON'],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the kernels could not be compiled:\n${stdout}${stderr}`);
  return require(join(OUTPUT, 'Release/gearshift-cpu-bench.node'));
}
