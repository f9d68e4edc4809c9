import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { err } from '@gearshift/contracts';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createFakeGpuBackend } from '@gearshift/testing';
import { createExecutor, NoBackendError } from '../src/index.js';
import { assembleExecutor } from '../src/assemble-executor.js';
import { openBackends } from '../src/open-backends.js';

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** Installs `@gearshift/backend-cuda` with this code in a new folder; returns the file URL from which to resolve it. */
function installed(code: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-'));
  folders.push(folder);
  const home = join(folder, 'node_modules', '@gearshift', 'backend-cuda');
  mkdirSync(home, { recursive: true });
  const manifest = { name: '@gearshift/backend-cuda', type: 'module', exports: { '.': './index.js' } };
  writeFileSync(join(home, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(home, 'index.js'), code);
  return pathToFileURL(join(folder, 'program.js')).href;
}

const WORKING = `export const createCudaBackend = async () => ({ ok: true, value: {
  id: 'cuda:0', kind: 'gpu', describe: () => ({ id: 'cuda:0', kind: 'gpu' }), close: async () => {} } });`;

/** As much of a backend as the dispatcher requires. It counts how often it is closed. */
const COMPLETE = `export const createCudaBackend = async () => ({ ok: true, value: {
  id: 'cuda:0', kind: 'gpu', describe: () => ({ id: 'cuda:0', kind: 'gpu' }), supports: () => true,
  memory: () => ({ freeBytes: null, totalBytes: null, readAtMs: 0 }), cosineSimilarity() {}, topK() {}, spreadActivation() {},
  close: async () => { globalThis.closedBackends = (globalThis.closedBackends ?? 0) + 1 } } });`;

describe('backends by name', () => {
  it('are opened in the given order, an installed GPU package included', async () => {
    const { backends, opened, statuses } = await openBackends(['cuda', 'cpu'], {}, installed(WORKING));
    expect(backends.map(({ id }) => id)).toEqual(['cuda:0', 'cpu']);
    expect(opened).toEqual(backends);
    expect(statuses[0]).toEqual({
      name: 'cuda',
      status: 'ready',
      reason: null,
      description: { id: 'cuda:0', kind: 'gpu' },
    });
  });

  it('are by default those of every GPU package, then the CPU', async () => {
    const { backends, statuses } = await openBackends(undefined, {}, installed(WORKING));
    expect(backends.map(({ id }) => id)).toEqual(['cuda:0', 'cpu']);
    expect(statuses.map(({ name, status }) => [name, status])).toEqual([
      ['cuda', 'ready'],
      ['webgpu', 'not-installed'],
      ['cpu', 'ready'],
    ]);
  });

  it.each([
    ['throws while it loads', 'throw new Error("no driver")', '@gearshift/backend-cuda did not load: no driver'],
    ['lacks its factory', 'export {}', '@gearshift/backend-cuda has no function createCudaBackend'],
    [
      'finds no device',
      'export const createCudaBackend = async () => ({ ok: false, error: { kind: "unsupported", message: "no GPU" } })',
      'no GPU',
    ],
    [
      'throws in its factory',
      'export const createCudaBackend = () => { throw 1 }',
      '@gearshift/backend-cuda did not load: number',
    ],
  ])('have a status with the reason if a package %s', async (_name, code, reason) => {
    const { backends, statuses } = await openBackends(['cuda', 'cpu'], {}, installed(code));
    expect(backends.map(({ id }) => id)).toEqual(['cpu']);
    expect(statuses[0]).toEqual({ name: 'cuda', status: 'failed', reason, description: null });
  });

  it.each(['cpu', 'cuda'])(
    'do not open when the addon of %s is set to a wrong file, and opened ones are closed',
    async (name) => {
      const variable = `GEARSHIFT_${name.toUpperCase()}_ADDON`;
      const wrong = { code: 'ERR_GEARSHIFT_ADDON_PATH', message: `${variable}: expected the path` };
      const counter = globalThis as { closedBackends?: number };
      counter.closedBackends = 0;
      if (name === 'cpu') {
        vi.stubEnv(variable, './nowhere.node');
        const made = openBackends(['cuda', 'cpu'], {}, installed(COMPLETE));
        await expect(made).rejects.toMatchObject({ code: wrong.code, message: expect.stringContaining(wrong.message) });
        vi.unstubAllEnvs();
        expect(counter.closedBackends).toBe(1);
      } else {
        const code = `export const createCudaBackend = async () => { throw Object.assign(new Error(), ${JSON.stringify(wrong)}) }`;
        await expect(openBackends(['cpu', 'cuda'], {}, installed(code))).rejects.toMatchObject(wrong);
      }
    },
  );

  it('have a status that says how to install a missing package', async () => {
    await using executor = await createExecutor({ backends: ['cuda', 'webgpu', 'cpu'] });
    const missing = { status: 'not-installed', description: null };
    expect(executor.describe().backends.slice(0, 2)).toEqual([
      {
        name: 'cuda',
        reason: 'the package @gearshift/backend-cuda is not installed (npm install @gearshift/backend-cuda)',
        ...missing,
      },
      {
        name: 'webgpu',
        reason: 'the package @gearshift/backend-webgpu is not installed (npm install @gearshift/backend-webgpu)',
        ...missing,
      },
    ]);
    expect(executor.backends().map(({ id }) => id)).toEqual(['cpu']);
  });

  it('have a status with the reason if the CPU backend cannot be used', async () => {
    const error = { kind: 'unsupported', message: 'no addon', backend: 'cpu' } as const;
    vi.doMock('@gearshift/backend-cpu', () => ({ createCpuBackend: () => Promise.resolve(err(error)) }));
    vi.resetModules();
    const { openBackends: openWithoutCpu } = await import('../src/open-backends.js');
    vi.doUnmock('@gearshift/backend-cpu');
    expect(await openWithoutCpu(['cpu'], {}, import.meta.url)).toEqual({
      backends: [],
      opened: [],
      statuses: [{ name: 'cpu', status: 'failed', reason: 'no addon', description: null }],
    });
  });

  it('cannot make an executor if none of them can be used', async () => {
    const made = createExecutor({ backends: ['cuda', 'webgpu'] });
    await expect(made).rejects.toThrow(NoBackendError);
    await expect(made).rejects.toMatchObject({
      name: 'NoBackendError',
      message: expect.stringContaining('cuda: the package @gearshift/backend-cuda is not installed'),
      backends: [{ status: 'not-installed' }, { status: 'not-installed' }],
    });
  });

  it('are closed again if another option is wrong', async () => {
    const closing = WORKING.replace('close: async () => {}', 'close: async () => { globalThis.closedBackends = 1 }');
    const options = { backends: ['cuda'], policy: {} } as never;
    await expect(assembleExecutor(options, installed(closing))).rejects.toThrow('backends[0].supports');
    expect(Reflect.get(globalThis, 'closedBackends')).toBe(1);
    Reflect.deleteProperty(globalThis, 'closedBackends');
  });
});

describe('close', () => {
  it('closes the backends that the executor opened by name, and no other', async () => {
    const mine = createFakeGpuBackend();
    const executor = await assembleExecutor({ backends: ['cuda', mine, 'cpu'] }, installed(COMPLETE));
    expect(Reflect.get(globalThis, 'closedBackends')).toBeUndefined();
    await executor.close();
    expect(Reflect.get(globalThis, 'closedBackends')).toBe(1);
    Reflect.deleteProperty(globalThis, 'closedBackends');
    expect(mine.supports({} as never)).toBe(true);
    await mine.close();
  });
});

describe('the built package, in a process of its own,', () => {
  /** Runs a program in a process of its own. */
  function run(kind: 'module' | 'commonjs', program: string) {
    const { stdout, stderr, status } = spawnSync(process.execPath, [`--input-type=${kind}`, '--eval', program], {
      cwd: PACKAGE_FOLDER,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    return { stdout, stderr, status };
  }

  const PROBE = (options: string) => `
    import Module from 'node:module';
    import { createExecutor } from 'gearshift';
    const asked = [];
    const resolve = Module._resolveFilename;
    Module._resolveFilename = (name, ...rest) => { asked.push(name); return resolve.call(Module, name, ...rest); };
    const executor = await createExecutor(${options});
    const matrix = await executor.matrix([[1, 0], [0, 1]]);
    await executor.topK([1, 0], matrix, { k: 1 });
    await executor.close();
    process.stdout.write(JSON.stringify(asked.filter((name) => /cuda|webgpu/.test(name))));`;

  it('looks for no GPU package and prints nothing with only the CPU', () => {
    expect(run('module', PROBE(`{ backends: ['cpu'] }`))).toEqual({ stdout: '[]', stderr: '', status: 0 });
  });

  it('looks for each GPU package once by default', () => {
    const stdout = '["@gearshift/backend-cuda","@gearshift/backend-webgpu"]';
    expect(run('module', PROBE(''))).toEqual({ stdout, stderr: '', status: 0 });
  });

  it('is the same module when imported and when required', () => {
    const program = `
      const required = require('gearshift');
      import('gearshift').then(async (imported) => {
        const executor = await required.createExecutor({ backends: ['cpu'] });
        const matrix = await executor.matrix([[1, 0], [0, 1]]);
        process.stdout.write(JSON.stringify([imported.createExecutor === required.createExecutor,
          executor.topKSync([0, 1], matrix, { k: 1 }).indices[0]]));
        await executor.close();
      });`;
    expect(run('commonjs', program)).toMatchObject({ stdout: '[true,1]', status: 0 });
  });
});
