import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tier } from '@gearshift/vitest-config/effort';
import { describe, expect, test } from 'vitest';

// Builds the tests in native/tests with plain CMake and runs them, also under sanitizers (TSan for the reliability goals alone).

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const TIMEOUT_MS = 300_000;
/** How many tests each program has. */
const PROGRAMS = { kit_tests: 12, ...(process.platform === 'win32' ? {} : { runtime_tests: 4 }) };

// Nx puts the folder of the node program first on the PATH, where tools may lie that the user does not have on theirs.
const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };
const run = (program: string, args: readonly string[]) => promisify(execFile)(program, args, { env });
const runs = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore', env }).status === 0;

const hasCompiler = [process.env['CXX'], 'c++', 'g++', 'clang++', 'cl'].some(
  (program) => program !== undefined && runs(program),
);
const lacksBasics = !runs('cmake') ? 'CMake' : !hasCompiler ? 'a C++ compiler' : null;
const lacksSanitizers = lacksBasics ?? (process.platform === 'linux' ? null : 'Linux');

const variants = [
  { name: 'plain', sanitizers: '', lacks: lacksBasics },
  { name: 'address', sanitizers: 'address,undefined', lacks: lacksSanitizers },
  ...(tier() === 'test' ? [] : [{ name: 'thread', sanitizers: 'thread', lacks: lacksSanitizers }]),
];

describe.each(variants)('native tests of the kit, $name build', ({ name, sanitizers, lacks }) => {
  test.skipIf(lacks !== null)(
    `pass${lacks === null ? '' : ` (skipped: needs ${lacks})`}`,
    { timeout: TIMEOUT_MS },
    async () => {
      const build = join(PACKAGE_FOLDER, 'build', name);
      const generator = runs('ninja') ? ['-G', 'Ninja'] : [];
      const options = [
        '-DGEARSHIFT_NATIVE_TESTS=ON',
        `-DGEARSHIFT_SANITIZE=${sanitizers}`,
        '-DCMAKE_BUILD_TYPE=Release',
      ];
      await run('cmake', ['-S', PACKAGE_FOLDER, '-B', build, ...generator, ...options]);
      await run('cmake', ['--build', build, '--config', 'Release', '--parallel', '2']);
      for (const [program, tests] of Object.entries(PROGRAMS)) {
        const { stdout } = await run(join(build, 'native/tests', program), []);
        const lines = stdout.trimEnd().split('\n');
        expect(lines.filter((line) => !line.startsWith('ok '))).toEqual([]);
        expect(lines, program).toHaveLength(tests);
      }
    },
  );
});
