import { createRequire } from 'node:module';
import { createMatrix, unwrap } from '@gearshift/contracts';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { afterEach, expect, test, vi } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('createCpuBackend uses the TypeScript implementation on request, and its description says so', async () => {
  vi.stubEnv('GEARSHIFT_CPU_LEVEL', 'typescript');
  const capped = unwrap(await createCpuBackend()).describe();
  expect(capped).toMatchObject({ source: 'portable', level: 'typescript' });
  expect(capped.limitations).toEqual(['the addon is not used: GEARSHIFT_CPU_LEVEL is typescript']);
  expect(unwrap(await createCpuBackend({ level: 'typescript' })).describe().limitations).toEqual([]);
});

test('createCpuBackend throws when GEARSHIFT_CPU_ADDON names a wrong file, whatever level is given', async () => {
  vi.stubEnv('GEARSHIFT_CPU_ADDON', './nowhere.node');
  const wrong = { code: 'ERR_GEARSHIFT_ADDON_PATH', message: expect.stringContaining('got ./nowhere.node') };
  await expect(createCpuBackend()).rejects.toMatchObject(wrong);
  await expect(createCpuBackend({ level: 'portable' })).rejects.toMatchObject(wrong);
});

test('createCpuBackend throws for invalid options', async () => {
  await expect(createCpuBackend({ threads: 0 })).rejects.toThrow(RangeError);
  await expect(createCpuBackend({ threads: 1.5 })).rejects.toThrow(/threads/);
  await expect(createCpuBackend({ level: 'sse9' as 'avx2' })).rejects.toThrow(/level/);
  await expect(createCpuBackend(null as unknown as object)).rejects.toThrow(TypeError);
  vi.stubEnv('GEARSHIFT_CPU_LEVEL', 'fast');
  await expect(createCpuBackend()).rejects.toThrow(/GEARSHIFT_CPU_LEVEL/);
});

test('createCpuBackend without an addon warns once per process, unless TypeScript or a level was asked for', async () => {
  vi.stubEnv('GEARSHIFT_NO_WARNINGS', '');
  const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
  vi.doMock('../src/native.js', () => ({
    loadAddon: () => ({ addon: null, failures: [], explanation: 'tried\nin vain' }),
  }));
  vi.resetModules();
  const { createCpuBackend: create } = await import('../src/cpu-backend.js');
  vi.doUnmock('../src/native.js');
  unwrap(await create({ level: 'typescript' }));
  expect(await create({ level: 'portable' })).toMatchObject({ ok: false, error: { message: 'tried\nin vain' } });
  expect(warn).not.toHaveBeenCalled();
  expect(unwrap(await create()).describe()).toMatchObject({ source: 'portable', limitations: ['tried', 'in vain'] });
  unwrap(await create());
  expect(warn.mock.calls).toEqual([
    [expect.stringContaining('tried\nin vain'), { type: 'GearshiftWarning', code: 'GEARSHIFT_ADDON_MISSING' }],
  ]);
  warn.mockRestore();
});

test('CommonJS programs can require the package', async () => {
  const required = createRequire(import.meta.url)('@gearshift/backend-cpu') as { createCpuBackend: unknown };
  expect(required.createCpuBackend).toBeTypeOf('function');
});

describeAddon('with the addon', () => {
  test('the description names device, level, threads and source', async () => {
    const backend = unwrap(await createCpuBackend());
    const description = backend.describe();
    expect(description).toMatchObject({ id: 'cpu', kind: 'cpu', source: expect.stringMatching(/^(local|prebuilt)$/) });
    expect(description.device).not.toBe('');
    expect(['avx512', 'avx2', 'neon', 'portable']).toContain(description.level);
    const { features = [] } = description;
    expect(features).toEqual(['avx512vnni', 'amxint8'].slice(0, features.length));
    if (description.level !== 'avx512') expect(features).toEqual([]);
    expect(description.threads).toBeGreaterThanOrEqual(1);
    expect(unwrap(await createCpuBackend({ threads: 1 })).describe().threads).toBe(1);
  });

  test('GEARSHIFT_CPU_LEVEL caps the level with an explanation, and the option overrides it', async () => {
    vi.stubEnv('GEARSHIFT_CPU_LEVEL', 'portable');
    const capped = unwrap(await createCpuBackend()).describe();
    expect(capped.level).toBe('portable');
    expect(capped.limitations.length).toBeGreaterThan(0);
    vi.stubEnv('GEARSHIFT_CPU_LEVEL', 'typescript');
    expect(unwrap(await createCpuBackend({ level: 'portable' })).describe().level).toBe('portable');
  });

  test('a level of another platform is unsupported', async () => {
    const foreign = process.arch === 'x64' ? 'neon' : 'avx2';
    expect(await createCpuBackend({ level: foreign })).toMatchObject({
      ok: false,
      error: { kind: 'unsupported', backend: 'cpu' },
    });
  });

  test('createCpuBackend ignores properties of a polluted Object.prototype', async () => {
    const prototype = Object.prototype as { threads?: number; level?: string };
    prototype.threads = -1;
    prototype.level = 'nonsense';
    try {
      const backend = unwrap(await createCpuBackend());
      const matrix = createMatrix(new Float32Array([1, 0, 0, 1]), { dimensions: 2 });
      const output = new Float32Array(2);
      const query = new Float32Array([1, 0]);
      unwrap(backend.cosineSimilaritySync({ operation: 'cosine-similarity', matrix, query }, output));
      expect([...output]).toEqual([1, 0]);
    } finally {
      delete prototype.threads;
      delete prototype.level;
    }
  });

  test('memory() reports free and total memory in bytes', async () => {
    const { freeBytes, totalBytes } = unwrap(await createCpuBackend()).memory();
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes ?? Infinity);
  });

  test('memory() does not use the free memory that Node reports, which counts file cache as used', async () => {
    const available = vi.spyOn(process, 'availableMemory').mockReturnValue(1);
    try {
      expect(unwrap(await createCpuBackend()).memory().freeBytes).toBeGreaterThan(1);
    } finally {
      available.mockRestore();
    }
  });

  test('supports() returns the reason for a request that the backend cannot run', async () => {
    const backend = unwrap(await createCpuBackend());
    const matrix = createMatrix(new Float32Array(2), { dimensions: 2 });
    const query = new Float32Array(2);
    expect(backend.supports({ operation: 'cosine-similarity', matrix, query })).toBe(true);
    expect(backend.supports({ operation: 'top-k', matrix: { ...matrix, rows: 2 ** 33 }, query, k: 1 })).toMatchObject({
      reason: expect.stringContaining('rows'),
    });
    expect(backend.supports({ operation: 'sort' } as never)).toMatchObject({ reason: expect.stringContaining('sort') });
    await backend.close();
    expect(backend.supports({ operation: 'cosine-similarity', matrix, query })).toMatchObject({
      reason: 'the backend is closed',
    });
  });

  test('a closed backend refuses work, and a second close() returns the same promise', async () => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(new Float32Array(2), { dimensions: 2 });
    const request = { operation: 'cosine-similarity', matrix, query: new Float32Array(2) } as const;
    expect(backend.close()).toBe(backend.close());
    await backend.close();
    const refused = { ok: false, error: { kind: 'unsupported' } };
    expect(backend.cosineSimilaritySync(request, new Float32Array(1))).toMatchObject(refused);
    expect(await backend.cosineSimilarity(request, new Float32Array(1))).toMatchObject(refused);
    expect(await backend.makeResident(matrix)).toMatchObject(refused);
  });
});
