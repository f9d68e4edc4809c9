import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../rust-baseline/', import.meta.url));
const OUTPUT = fileURLToPath(new URL('../../build/rust-baseline/', import.meta.url));

/**
 * The original single-mutex tracker (tools/bench/rust-baseline), compiled on demand, in its own process.
 *
 * @param {(message: string) => void} log
 * @returns {{ missing: string } | {
 *   compiler: string, measure(design: string, task: string, count: number): Promise<number>, close(): void }}
 *   `missing` says why there is none; `measure` gives nanoseconds of one operation
 */
export function openRustBaseline(log) {
  const compiler = versionOf('cargo');
  if (compiler === null)
    return { missing: 'skipped: there is no cargo here (https://rustup.rs, or Debian: apt install cargo)' };
  log('Compiling the Rust baseline ...');
  const { status, stderr } = spawnSync(
    'cargo',
    ['build', '--release', '--offline', '--manifest-path', `${SOURCE}Cargo.toml`, '--target-dir', OUTPUT],
    { encoding: 'utf8' },
  );
  if (status !== 0) return { missing: `skipped: it could not be compiled: ${stderr.trim().split('\n')[0]}` };
  return { compiler: versionOf('rustc') ?? compiler, ...start() };
}

function start() {
  const child = spawn(`${OUTPUT}release/single-mutex-tracker`, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async measure(design, task, count) {
      child.stdin.write(`${design} ${task} ${count}\n`);
      const { value: answer } = await answers.next();
      const elapsedNs = Number(answer);
      if (!(elapsedNs > 0)) throw new Error(`the Rust baseline answered: ${answer}`);
      return elapsedNs / count;
    },
    close: () => child.stdin.end(),
  };
}

/** The version line of the program, or null if it is not installed. */
function versionOf(program) {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
