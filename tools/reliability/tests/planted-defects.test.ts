import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tellCount, tier } from '@gearshift/vitest-config/effort';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFECTS, type Variant } from './defects.js';

// Each defect is planted into a copy of the CUDA backend, and its test programs on the simulated driver must find it.

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const NATIVE = join(ROOT, 'packages/backend-cuda/native');
const PATIENCE = 600_000;

describe('code that each defect replaces', () => {
  test.for(DEFECTS)('exists once for the defect: $what', ({ file, sound }) => {
    expect(readFileSync(join(NATIVE, file), 'utf8').split(sound).length - 1).toBe(1);
  });
});

// The builds take minutes.
if (tier() !== 'test') {
  const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };
  const lacks = !existsSync(join(ROOT, 'packages/backend-cuda/build/kernels.fatbin'))
    ? 'nvcc'
    : spawnSync('cmake', ['--version'], { env }).status !== 0
      ? 'CMake'
      : null;

  describe.skipIf(lacks !== null)(
    `test programs of the CUDA backend${lacks === null ? '' : ` (skipped: needs ${lacks})`}`,
    () => {
      let folder: string;
      const buildFolder = (variant: Variant) => join(folder, 'build', variant);
      const build = (variant: Variant) =>
        promisify(execFile)('cmake', ['--build', buildFolder(variant), '--parallel', '2'], { env, maxBuffer: 2 ** 26 });

      async function run(variant: Variant, [program, ...args]: readonly string[]) {
        const path = join(buildFolder(variant), 'native/tests', program);
        return promisify(execFile)(path, args, { env, maxBuffer: 2 ** 26, timeout: 120_000 }).then(
          () => 'nothing',
          (thrown: unknown) => {
            const error = thrown as { code?: number | null; killed?: boolean; stdout?: string; stderr?: string };
            const output = `${error.stdout ?? ''}${error.stderr ?? ''}`.split('\n')[0];
            return error.killed === true ? 'it does not end' : `exit ${error.code}: ${output}`;
          },
        );
      }

      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), 'gearshift-defects-'));
        const simulator = join(folder, 'tools/cuda-simulator');
        const backend = join(folder, 'packages/backend-cuda');
        for (const part of ['CMakeLists.txt', 'native'])
          cpSync(join(ROOT, 'tools/cuda-simulator', part), join(simulator, part), { recursive: true });
        for (const part of ['CMakeLists.txt', 'native', 'package.json'])
          cpSync(join(ROOT, 'packages/backend-cuda', part), join(backend, part), { recursive: true });
        for (const part of ['CMakeLists.txt', 'native'])
          cpSync(join(ROOT, 'packages/native-kit', part), join(folder, 'packages/native-kit', part), {
            recursive: true,
          });
        symlinkSync(join(ROOT, 'packages/backend-cuda/build'), join(backend, 'build'));
        const generator = spawnSync('ninja', ['--version'], { env }).status === 0 ? ['-G', 'Ninja'] : [];
        for (const variant of ['plain', 'thread'] as const) {
          const sanitizer = variant === 'plain' ? '' : variant;
          await promisify(execFile)(
            'cmake',
            [
              ...['-S', simulator, '-B', buildFolder(variant), ...generator, '-DCMAKE_BUILD_TYPE=Release'],
              ...['-DGEARSHIFT_NATIVE_TESTS=ON', `-DGEARSHIFT_SANITIZER=${sanitizer}`],
            ],
            { env },
          );
          await build(variant);
        }
      }, PATIENCE);
      afterAll(() => rmSync(folder, { recursive: true }));

      test('find nothing without a defect', { timeout: PATIENCE }, async () => {
        const commands = new Map(
          DEFECTS.map(({ variant, command }) => [`${variant} ${command.join(' ')}`, { variant, command }]),
        );
        for (const { variant, command } of commands.values()) expect(await run(variant, command)).toBe('nothing');
      });

      test.for(DEFECTS)(
        'find the planted defect: $what',
        { timeout: PATIENCE },
        async ({ file, sound, defect, variant, command }) => {
          const path = join(folder, 'packages/backend-cuda/native', file);
          const source = readFileSync(path, 'utf8');
          writeFileSync(
            path,
            source.replace(sound, () => defect),
          );
          try {
            await build(variant);
            expect(await run(variant, command)).not.toBe('nothing');
            tellCount('R17', 1);
          } finally {
            writeFileSync(path, source);
            await build(variant);
          }
        },
      );
    },
  );
}
