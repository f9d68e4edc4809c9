import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { softwareDriver } from '@gearshift/vulkan-drivers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWebGpuBackend } from '../src/index.js';

const driver = softwareDriver('swiftshader');
const title = driver.lacks === null ? 'swiftshader' : `swiftshader (skipped: needs ${driver.lacks})`;

/** Runs a fixture with the built package. */
async function run(
  name: string,
  env: NodeJS.ProcessEnv,
  ...more: string[]
): Promise<{ stdout: string; stderr: string }> {
  const flags = more.filter((each) => each.startsWith('-'));
  const rest = more.filter((each) => !each.startsWith('-'));
  const fixture = fileURLToPath(new URL(`fixtures/${name}.mjs`, import.meta.url));
  return promisify(execFile)(process.execPath, [...flags, fixture, ...rest], { env: { ...process.env, ...env } });
}

describe('a process with the WebGPU backend', () => {
  test('prints nothing when it starts, and gives the reason when there is no GPU', async () => {
    const { stdout, stderr } = await run('open-default', {});
    expect(stdout).toMatch(
      /^(webgpu:0 |unsupported: no GPU: neither \/dev\/dri\/renderD\* nor |unsupported: no Vulkan: )/,
    );
    expect(stderr).toBe('');
  });

  test('wrong options are refused with a message that names them', async () => {
    await expect(createWebGpuBackend({ powerPreference: 'fast' as 'low-power' })).rejects.toThrow(
      /^powerPreference: expected one of high-performance, low-power, got 'fast'$/,
    );
    await expect(createWebGpuBackend({ memoryBytes: 0 })).rejects.toThrow(
      /^memoryBytes: expected an integer of at least 1, got 0$/,
    );
    await expect(createWebGpuBackend({ hangMs: 0 })).rejects.toThrow(/^hangMs: expected a number above 0, got 0$/);
    await expect(createWebGpuBackend({ memory: 5 } as object)).rejects.toThrow(/^options: 'memory' is not an option/);
    await expect(createWebGpuBackend({ adapter: 5 } as object)).rejects.toThrow(/^adapter: expected a string, got 5$/);
  });
});

describe.skipIf(driver.lacks !== null)(`a process with the WebGPU backend on ${title}`, () => {
  const env = driver.lacks === null ? driver.env : {};

  test('does not use a driver in software unless it is asked to', async () => {
    const { stdout, stderr } = await run('open-default', env);
    expect(stdout).toMatch(
      /^unsupported: (no GPU: |only a driver in software \(SwiftShader.*\), slower than the CPU backend; allowSoft)/,
    );
    expect(stderr).toBe('');
  });

  test('ends by itself after close(), and also without it', async () => {
    expect((await run('open', env)).stdout).toMatch(/^webgpu:0 .*swiftshader/i);
    expect((await run('leave-open', env)).stdout).toBe('answered\n');
  });

  test('keeps Dawn alive while a backend lives, whatever the garbage collector does', async () => {
    expect((await run('collect-garbage', env, '--expose-gc')).stdout).toBe('answered 50 times\n');
  });

  test('refuses to start in a worker thread, and starts there when it is asked to', async () => {
    const { stdout } = await run('worker', env);
    const [refused, allowed] = stdout.split('\n');
    expect(refused).toMatch(/^unsupported: WebGPU runs on the main thread only/);
    expect(allowed).toMatch(/^webgpu:0/);
  });

  test('takes operands, queries and row sets in shared memory', async () => {
    expect((await run('shared-memory', env)).stdout).toBe('0 1\n');
  });
});

// Lavapipe stands for a driver that Dawn cannot use, if it is one, beside SwiftShader as the driver of a GPU.
const beside = softwareDriver('lavapipe');
const lacks = driver.lacks ?? beside.lacks;
const besideTitle = lacks === null ? 'lavapipe' : `lavapipe (skipped: needs ${lacks})`;

describe.skipIf(lacks !== null || process.platform !== 'linux')(`a GPU with ${besideTitle} beside it`, () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gearshift-drivers-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The loader finds the manifest of SwiftShader in the folder, and that of lavapipe where the system has it. */
  function environment(): NodeJS.ProcessEnv {
    const env = driver.lacks === null ? driver.env : {};
    const { VK_DRIVER_FILES = '' } = env;
    const manifest = JSON.parse(readFileSync(VK_DRIVER_FILES, 'utf8')) as { ICD: { library_path: string } };
    manifest.ICD.library_path = resolve(dirname(VK_DRIVER_FILES), manifest.ICD.library_path);
    mkdirSync(join(folder, 'vulkan/icd.d'), { recursive: true });
    writeFileSync(join(folder, 'vulkan/icd.d/gpu_icd.json'), JSON.stringify(manifest));
    return { ...env, VK_DRIVER_FILES: undefined, VK_ICD_FILENAMES: undefined, XDG_DATA_HOME: folder };
  }

  test('a GPU is found without a look at drivers in software, about which Dawn would print a warning', async () => {
    const env = environment();
    const all = await run('look-for-gpus', env);
    expect(all.stdout).toMatch(/^false (SwiftShader|llvmpipe)/);
    const { stdout, stderr } = await run('look-for-gpus', env, 'hide');
    expect(stdout).toMatch(/^true SwiftShader.* undefined\n$/);
    expect(stderr).toBe('');
  });

  test('a GPU is looked for among the drivers that a user has chosen', async () => {
    const { stdout } = await run('look-for-gpus', { ...environment(), VK_LOADER_DRIVERS_SELECT: '*' }, 'hide');
    expect(stdout).toMatch(/^false SwiftShader/);
  });
});
