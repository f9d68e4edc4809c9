import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

// The programs of native/tests, built by plain CMake in three variants. Missing build tools are named in the titles.

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
// Nx puts the folder of the node program first on the PATH, which may contain tools that are not on the user's PATH.
const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };

export type Variant = 'plain' | 'address' | 'thread';

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runs(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', env }).status === 0;
}

const compiler = [process.env['CXX'], 'c++', 'g++', 'clang++'].find(
  (program) => program !== undefined && program !== '' && runs(program, '--version'),
);
const FATBIN = fileURLToPath(new URL('../../../packages/backend-cuda/build/kernels.fatbin', import.meta.url));

/** The tools for building the programs that are missing on this machine, or null. */
export const lacksTools: string | null =
  process.platform !== 'linux'
    ? 'Linux'
    : !runs('cmake', '--version')
      ? 'CMake'
      : compiler === undefined
        ? 'a C++ compiler'
        : !existsSync(FATBIN)
          ? 'nvcc, which makes the kernel image that the core carries'
          : null;

const buildFolder = (variant: Variant): string => join(FOLDER, 'build/native', variant);

export async function build(variant: Variant): Promise<void> {
  const generator = runs('ninja', '--version') ? ['-G', 'Ninja'] : [];
  const sanitizer = variant === 'plain' ? '' : variant;
  await promisify(execFile)(
    'cmake',
    [
      ...['-S', FOLDER, '-B', buildFolder(variant), ...generator],
      ...['-DGEARSHIFT_NATIVE_TESTS=ON', `-DGEARSHIFT_SANITIZER=${sanitizer}`, '-DCMAKE_BUILD_TYPE=Release'],
    ],
    { env },
  );
  await promisify(execFile)('cmake', ['--build', buildFolder(variant), '--parallel', '2'], {
    env,
    maxBuffer: 2 ** 24,
  });
}

export function run(variant: Variant, program: string, ...args: string[]): Promise<Outcome> {
  const path = join(buildFolder(variant), 'native/tests', program);
  return new Promise((resolve) => {
    execFile(path, args, { env, maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
      const code = error?.code;
      resolve({ status: typeof code === 'number' ? code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}
