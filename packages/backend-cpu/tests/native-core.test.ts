import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { effort, seedOr, tellCount, tier } from '@gearshift/vitest-config/effort';
import { beforeAll, describe, expect, test, vi } from 'vitest';

// Builds the tests in native/tests with plain CMake and runs them for every instruction set: on this machine if it has the
// instruction set, else in emulation. A variant with missing tools is skipped with a reason.

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));
// Generous, because both are CPU-bound and the emulators slow: on a machine busy with other things they take minutes.
const BUILD_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 300_000;
const GROUPS = 45; // of core_tests.cc for one level
const GROUPS_OF_CODES = 14; // of them that run again for AVX-512 with VNNI, and with AMX

// Nx puts the folder of the node program first on the PATH, which may contain tools that are not on the user's PATH.
const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };
const run = (program: string, args: readonly string[]) => promisify(execFile)(program, args, { env });

interface Outcome {
  readonly status: number;
  readonly lines: readonly string[];
}

interface Variant {
  readonly name: string;
  /** What is missing on this machine, or null. */
  readonly lacks: string | null;
  readonly options: readonly string[];
  readonly targets: readonly string[];
  /** The program that runs the tests, for another CPU than this one. */
  readonly emulator?: string;
}

function runs(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', env }).status === 0;
}

const hasCompiler = [process.env['CXX'], 'c++', 'g++', 'clang++', 'cl'].some(
  (program) => program !== undefined && runs(program, '--version'),
);
const lacksBasics = !runs('cmake', '--version') ? 'CMake' : !hasCompiler ? 'a C++ compiler' : null;
const isX64Linux = process.platform === 'linux' && process.arch === 'x64';

const HOST: Variant = {
  name: 'this machine',
  lacks: lacksBasics,
  options: [],
  targets: ['core_tests', 'certified_answers', 'store_tests', 'thread_pool_tests'],
};
const AVX512: Variant = {
  name: 'AVX-512 and AMX in emulation',
  lacks: lacksBasics ?? (isX64Linux && existsSync('/usr/include/simde/simde-common.h') ? null : 'SIMDe on x86-64'),
  options: ['-DGEARSHIFT_EMULATE_AVX512=ON'],
  targets: ['core_tests'],
};
const NEON: Variant = {
  name: 'NEON in emulation',
  lacks:
    lacksBasics ??
    (process.platform !== 'linux'
      ? 'Linux'
      : !runs('aarch64-linux-gnu-g++', '--version')
        ? 'aarch64-linux-gnu-g++'
        : !runs('qemu-aarch64-static', '--version')
          ? 'qemu-aarch64-static'
          : null),
  options: [
    '-DCMAKE_SYSTEM_NAME=Linux',
    '-DCMAKE_SYSTEM_PROCESSOR=aarch64',
    '-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++',
    '-DCMAKE_EXE_LINKER_FLAGS=-static',
  ],
  targets: ['core_tests'],
  emulator: 'qemu-aarch64-static',
};

const buildFolder = ({ name }: Variant): string =>
  join(PACKAGE_FOLDER, 'build/native-tests', name.replaceAll(' ', '-').toLowerCase());

async function build(variant: Variant): Promise<void> {
  const folder = buildFolder(variant);
  const generator = runs('ninja', '--version') ? ['-G', 'Ninja'] : [];
  const configure = ['-S', PACKAGE_FOLDER, '-B', folder, ...generator, '-DCMAKE_BUILD_TYPE=Release'];
  await run('cmake', [...configure, '-DGEARSHIFT_NATIVE_TESTS=ON', ...variant.options]);
  const targets = variant.targets.flatMap((target) => ['--target', target]);
  await run('cmake', ['--build', folder, '--config', 'Release', '--parallel', '2', ...targets]);
}

async function runTests(variant: Variant, target: string, ...args: string[]): Promise<Outcome> {
  const program = join(buildFolder(variant), 'native/tests', target);
  const [file, ...rest] = variant.emulator === undefined ? [program] : [variant.emulator, program];
  try {
    const { stdout } = await run(file, [...rest, ...args]);
    return { status: 0, lines: stdout.trimEnd().split('\n') };
  } catch (error) {
    const { code, stdout } = error as { code?: unknown; stdout?: string };
    if (typeof code !== 'number' || stdout === undefined) throw error;
    return { status: code, lines: stdout.trimEnd().split('\n') };
  }
}

/** All lines except those of passed tests, so that a failure is visible. */
function complaintsOf({ lines }: Outcome): readonly string[] {
  return lines.filter((line) => !/^(ok |\d+ passed)/.test(line));
}

function expectAllPassed(outcome: Outcome, groups = GROUPS): void {
  expect(complaintsOf(outcome)).toEqual([]);
  expect(outcome.lines.at(-1)).toBe(`${groups} passed, 0 failed`);
  expect(outcome.status).toBe(0);
}

function describeVariant(variant: Variant, body: () => void): void {
  const suffix = variant.lacks === null ? '' : ` (skipped: needs ${variant.lacks})`;
  describe.skipIf(variant.lacks !== null)(`native tests on ${variant.name}${suffix}`, () => {
    beforeAll(() => build(variant), BUILD_TIMEOUT_MS);
    vi.setConfig({ testTimeout: RUN_TIMEOUT_MS });
    body();
  });
}

describeVariant(HOST, () => {
  const levels = process.arch === 'arm64' ? ['neon', 'portable'] : ['avx512', 'avx2', 'portable'];
  test.for(levels)('the core tests pass at level %s', async (level, { skip }) => {
    const outcome = await runTests(HOST, 'core_tests', level);
    const reason = outcome.lines.find((line) => line.startsWith(`skipped ${level}`));
    if (reason !== undefined) skip(reason);
    const variants = new Set(outcome.lines.flatMap((line) => /avx512 with \w+/.exec(line) ?? []));
    expectAllPassed(outcome, GROUPS + variants.size * GROUPS_OF_CODES);
  });

  test('the core tests fail for an unknown level', async () => {
    expect(await runTests(HOST, 'core_tests', 'avx9000')).toMatchObject({ status: 2 });
  });

  const small = effort({ test: 20_000, ci: 990_000, nightly: 10_000_000 });
  const large = effort({ test: 60, ci: 10_000, nightly: 100_000 });
  const timeout = (tier() === 'nightly' ? 20 : 6) * RUN_TIMEOUT_MS;
  test('every ranking from codes has the rows and the bits of the scan in float32', { timeout }, async () => {
    const { status, lines } = await runTests(HOST, 'certified_answers', ...[seedOr(22), small, large].map(String));
    const found = /^(\d+) answers, (\d+) of them of 100000 rows, (\d+) sets of kernels: 0 wrong$/.exec(
      lines.at(-1) ?? '',
    );
    expect(found, lines.join('\n')).not.toBeNull();
    expect(Number(found?.[1])).toBeGreaterThanOrEqual(small + large);
    expect(Number(found?.[2])).toBeGreaterThanOrEqual(large);
    expect(Number(found?.[3])).toBeGreaterThan(1);
    expect(status).toBe(0);
    tellCount('R22', Number(found?.[1]));
  });

  test('the rankings from codes are not compared at a level that cannot run', async () => {
    expect(await runTests(HOST, 'certified_answers', '1', '1', '1', 'avx9000')).toMatchObject({ status: 2 });
  });

  test('the thread pool tests pass', async () => {
    const outcome = await runTests(HOST, 'thread_pool_tests');
    expect(complaintsOf(outcome)).toEqual([]);
    expect(outcome.lines.length).toBeGreaterThan(5);
    expect(outcome.status).toBe(0);
  });

  test('the tests of stored matrices pass', async () => {
    const outcome = await runTests(HOST, 'store_tests');
    expect(complaintsOf(outcome)).toEqual([]);
    expect(outcome.lines.length).toBeGreaterThan(9);
    expect(outcome.status).toBe(0);
  });
});

describeVariant(AVX512, () => {
  test('the core tests pass at level avx512, without and with VNNI, and with AMX', async () => {
    const outcome = await runTests(AVX512, 'core_tests', 'avx512');
    expect(outcome.lines.filter((line) => line.startsWith('ok     avx512 with amx: '))).toHaveLength(GROUPS_OF_CODES);
    expectAllPassed(outcome, GROUPS + 2 * GROUPS_OF_CODES);
  });
});

describeVariant(NEON, () => {
  test('the core tests pass at level neon', async () => {
    expectAllPassed(await runTests(NEON, 'core_tests', 'neon'));
  });
});

// Both take minutes to build and to run: for the reliability goals (`npm run reliability -- R10 R11`).
if (tier() !== 'test') {
  const sanitized = (name: string, sanitizers: string): Variant => ({
    ...HOST,
    name,
    lacks: HOST.lacks ?? (process.platform === 'linux' ? null : 'Linux'),
    options: [`-DGEARSHIFT_SANITIZE=${sanitizers}`],
  });
  const levels = process.arch === 'arm64' ? ['neon', 'portable'] : ['avx2', 'portable'];
  const ADDRESS = sanitized('this machine under ASan, UBSan and LSan', 'address,undefined');
  const THREAD = sanitized('this machine under TSan', 'thread');

  describeVariant(ADDRESS, () => {
    test.for(levels)('the core tests pass at level %s', { timeout: 4 * RUN_TIMEOUT_MS }, async (level) => {
      expectAllPassed(await runTests(ADDRESS, 'core_tests', level));
      tellCount('R10', GROUPS);
    });
    for (const target of ['store_tests', 'thread_pool_tests']) {
      test(`${target} pass`, { timeout: 4 * RUN_TIMEOUT_MS }, async () => {
        expect(await runTests(ADDRESS, target)).toMatchObject({ status: 0 });
      });
    }
  });

  describeVariant(THREAD, () => {
    for (const target of ['store_tests', 'thread_pool_tests']) {
      test(`${target} pass`, { timeout: 4 * RUN_TIMEOUT_MS }, async () => {
        const outcome = await runTests(THREAD, target);
        expect(complaintsOf(outcome)).toEqual([]);
        expect(outcome.status).toBe(0);
        tellCount('R11', outcome.lines.length);
      });
    }
  });
}
