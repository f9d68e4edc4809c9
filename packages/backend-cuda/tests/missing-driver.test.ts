import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { countCudaDevices, createCudaBackend } from '@gearshift/backend-cuda';
import { describe, expect, test, vi } from 'vitest';
import { loadAddon } from '../src/native.js';

// This file runs without the simulated driver, like a user's program on this machine.

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const hasAddon = loadAddon().addon !== null;
const hasDriver = existsSync('/dev/nvidiactl');

interface Answer {
  readonly ok: boolean;
  readonly error?: { readonly kind: string; readonly message: string; readonly backend: string };
}

/** Creates a backend in a separate process, and returns the output of that process too. */
function askInProcess(env: NodeJS.ProcessEnv = {}): { answer: Answer; stderr: string; lines: number } {
  const code = `
    const { createCudaBackend, countCudaDevices } = await import('@gearshift/backend-cuda');
    const made = await createCudaBackend();
    await countCudaDevices();
    process.stdout.write(JSON.stringify(made.ok ? { ok: true } : made));
    if (made.ok) await made.value.close();`;
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: PACKAGE,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { answer: JSON.parse(child.stdout) as Answer, stderr: child.stderr, lines: child.stdout.split('\n').length };
}

describe.skipIf(hasDriver)('createCudaBackend() without an NVIDIA driver', () => {
  test.skipIf(!hasAddon)('returns a reason and prints nothing', () => {
    const { answer, stderr, lines } = askInProcess();
    expect(answer).toMatchObject({ ok: false, error: { kind: 'unsupported', backend: 'cuda:0' } });
    expect(answer.error?.message).toMatch(/^no NVIDIA driver: libcuda\.so\.1/);
    expect(stderr).toBe('');
    expect(lines).toBe(1);
  });
});

test('loadAddon without an addon lists every attempt and how to fix it', () => {
  const missing = loadAddon({
    platform: 'linux-x64-gnu',
    prebuildsFolder: '/nowhere',
    loadPlatformPackage: () => {
      throw new Error("Cannot find module '@gearshift/backend-cuda-linux-x64-gnu'\nRequire stack:\n- a file");
    },
  });
  expect(missing).toEqual({
    addon: null,
    failures: [
      { place: 'prebuilds', cause: 'there is no file /nowhere/linux-x64-gnu/gearshift-cuda.node', isMissing: true },
      {
        place: '@gearshift/backend-cuda-linux-x64-gnu',
        cause: "Cannot find module '@gearshift/backend-cuda-linux-x64-gnu'",
        isMissing: false,
      },
    ],
    explanation: [
      'The CUDA addon of Gearshift was not loaded on linux-x64-gnu:',
      '  - prebuilds: there is no file /nowhere/linux-x64-gnu/gearshift-cuda.node',
      "  - @gearshift/backend-cuda-linux-x64-gnu: Cannot find module '@gearshift/backend-cuda-linux-x64-gnu'",
      'To fix it, install with optional dependencies: npm install @gearshift/backend-cuda-linux-x64-gnu --include=optional (in the repository, with a CUDA toolkit: npx nx run @gearshift/backend-cuda:build-native; for a bundle, copy gearshift-cuda.node next to it)',
    ].join('\n'),
  });
  const elsewhere = loadAddon({ platform: 'sunos-sparc', prebuildsFolder: '/nowhere' });
  expect(elsewhere).toMatchObject({ explanation: expect.stringMatching(/no addon is published for sunos-sparc/) });
});

test.for([
  ['another module', {}, 'it is not the CUDA addon of Gearshift'],
  ['another version', { version: '9.9.9', abi: 2 }, 'it was built for version 9.9.9, this package is version 0.0.0'],
  ['another interface', { version: '0.0.0', abi: 99 }, 'it has interface 99, this package needs interface 6'],
] as const)('loadAddon refuses %s', ([, module, problem]) => {
  const loaded = loadAddon({
    platform: 'linux-x64-gnu',
    prebuildsFolder: '/nowhere',
    loadPlatformPackage: () => module,
  });
  expect(loaded.addon).toBeNull();
  expect(loaded).toMatchObject({ explanation: expect.stringContaining(problem) });
});

test('createCudaBackend and countCudaDevices throw when GEARSHIFT_CUDA_ADDON names a wrong file', async () => {
  vi.stubEnv('GEARSHIFT_CUDA_ADDON', './nowhere.node');
  const message =
    /^GEARSHIFT_CUDA_ADDON: expected the path of a CUDA addon, got \.\/nowhere\.node: there is no file \//;
  await expect(createCudaBackend()).rejects.toThrow(message);
  await expect(countCudaDevices()).rejects.toThrow(message);
  vi.unstubAllEnvs();
});

test('createCudaBackend checks its options before it loads anything', async () => {
  await expect(createCudaBackend({ device: -1 })).rejects.toThrow(/^device: expected an integer/);
  await expect(createCudaBackend({ device: 'first' as never })).rejects.toThrow(TypeError);
  await expect(createCudaBackend({ hangMs: 0 })).rejects.toThrow(/^hangMs: expected a number above 0, got 0/);
  await expect(createCudaBackend({ hangMs: NaN })).rejects.toThrow(RangeError);
  await expect(createCudaBackend(7 as never)).rejects.toThrow(TypeError);
});
