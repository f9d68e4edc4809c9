import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { effort, seedOr, tellCount, tier } from '@gearshift/vitest-config/effort';
import { beforeAll, describe, expect, test } from 'vitest';

// Runs the fuzz targets of native/fuzz from their committed inputs on, under ASan and UBSan.

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const CORPUS = join(PACKAGE_FOLDER, 'native/fuzz/corpus');
const BUILD = join(PACKAGE_FOLDER, 'build/fuzz');
const TARGETS = ['certified', 'graphs', 'scores', 'selection'];
const MINUTE_MS = 60_000;
const BUILD_TIMEOUT_MS = 10 * MINUTE_MS;

// Nx puts the folder of the node program first on the PATH, which may contain tools that are not on the user's PATH.
const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };
const runs = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore', env }).status === 0;
const lacks = !runs('cmake') ? 'CMake' : !runs('clang++') ? 'clang++ with libFuzzer (Debian: clang)' : null;
const suffix = lacks === null ? '' : ` (skipped: needs ${lacks})`;

async function build(): Promise<void> {
  const run = (...args: string[]) => promisify(execFile)('cmake', args, { env });
  const generator = runs('ninja') ? ['-G', 'Ninja'] : [];
  const options = ['-DCMAKE_BUILD_TYPE=Release', '-DCMAKE_CXX_COMPILER=clang++', '-DGEARSHIFT_FUZZ=ON'];
  await run('-S', PACKAGE_FOLDER, '-B', BUILD, ...generator, ...options);
  await run('--build', BUILD, '--parallel', '2');
}

interface Outcome {
  readonly status: number;
  /** What the fuzzer prints. */
  readonly text: string;
}

async function fuzz(target: string, ...args: string[]): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-fuzz-'));
  const found = join(folder, 'found');
  mkdirSync(found);
  const options = [
    `-artifact_prefix=${folder}/`,
    '-max_len=400',
    '-len_control=0',
    '-print_final_stats=1',
    '-verbosity=0',
  ];
  try {
    const program = join(BUILD, 'native/fuzz', `${target}_fuzz`);
    const { stderr } = await promisify(execFile)(program, [...options, ...args, found, join(CORPUS, target)], {
      env,
      maxBuffer: 1 << 26,
    });
    return { status: 0, text: stderr };
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (typeof code !== 'number' || stderr === undefined) throw error;
    return { status: code, text: stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Building with sanitizers takes minutes: for the reliability goals (`npm run reliability -- R12b`).
if (tier() !== 'test' && tier() !== 'mutation') {
  describe.skipIf(lacks !== null)(`the native core with fuzzed input${suffix}`, () => {
    beforeAll(build, BUILD_TIMEOUT_MS);

    const executions = effort({ test: 0, ci: 250_000, nightly: 25_000_000 });
    const timeout = (tier() === 'nightly' ? 24 * 60 : 30) * MINUTE_MS;

    test.for(TARGETS)('the target %s finds no violation', { timeout }, async (target) => {
      const { status, text } = await fuzz(target, `-runs=${executions}`, `-seed=${seedOr(12)}`);
      expect(text).not.toContain('violated');
      expect(status, text.slice(-2000)).toBe(0);
      const executed = Number(/number_of_executed_units: (\d+)/.exec(text)?.[1]);
      expect(executed).toBeGreaterThanOrEqual(executions);
      tellCount('R12b', executed);
    });
  });
}

test.for(TARGETS)('the target %s has committed inputs', (target) => {
  expect(existsSync(join(PACKAGE_FOLDER, 'native/fuzz', `${target}_fuzz.cc`))).toBe(true);
  expect(readdirSync(join(CORPUS, target)).length).toBeGreaterThan(10);
});
