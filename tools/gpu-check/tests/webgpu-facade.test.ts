import { createWebGpuBackend } from '@gearshift/backend-webgpu';
import { unwrap, type Backend, type TopKOutput } from '@gearshift/contracts';
import { clusteredValues, randomValues } from '@gearshift/testing';
import { paceDawn, softwareDriver } from '@gearshift/vulkan-drivers';
import { createExecutor, pinnedPolicy, type Executor } from 'gearshift';
import { afterAll, afterEach, describe, expect, test } from 'vitest';

type Resident = Backend & Required<Pick<Backend, 'makeResident' | 'residency' | 'release'>>;

const driver = softwareDriver('swiftshader', { faults: true });
const title = driver.lacks === null ? 'SwiftShader' : `SwiftShader (skipped: needs ${driver.lacks})`;
const ROWS = 20_000;
const DIMENSIONS = 48;

describe.skipIf(driver.lacks !== null)(`an executor with a GPU through WebGPU, on ${title}`, () => {
  if (driver.lacks !== null) return;
  const { faults } = driver;
  driver.load();
  paceDawn();
  const values = clusteredValues({ rows: ROWS, dimensions: DIMENSIONS, clusters: 50, seed: 1 });
  const query = (seed: number) => randomValues(DIMENSIONS, seed);
  const closing: (() => Promise<void>)[] = [];

  afterEach(async () => {
    faults.clear();
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(() => faults.close());

  async function open(options: object = {}): Promise<{ backend: Resident; executor: Executor; cpu: Executor }> {
    const backend = unwrap(await createWebGpuBackend({ allowSoftwareDriver: true })) as Resident;
    // A GPU in software on a busy machine is as slow as others that hang.
    const hangLimits = { unpredictedMs: 100_000 };
    const executor = await createExecutor({ backends: [backend, 'cpu'], hangLimits, ...options });
    const cpu = await createExecutor({ backends: ['cpu'] });
    closing.push(
      () => backend.close(),
      () => executor.close(),
      () => cpu.close(),
    );
    return { backend, executor, cpu };
  }

  test('stays on the CPU, because a GPU in software is slower, and the snapshot has the predicted times', async () => {
    const { executor } = await open();
    const matrix = await executor.matrix(values, { dimensions: DIMENSIONS, expectedUses: 1000 });
    const onGpu: boolean[] = [];
    for (let i = 0; i < 400; i++) {
      const { decision } = unwrapRun(await executor.run({ operation: 'top-k', query: query(i), matrix, k: 10 }));
      onGpu.push(decision?.device === 'gpu');
    }
    expect(onGpu.slice(0, 200)).toContain(true);
    expect(onGpu.slice(200).filter(Boolean).length).toBeLessThan(20);
    const { devices } = executor.snapshot('top-k');
    expect(devices.map(({ id }) => id)).toEqual(['webgpu:0', 'cpu']);
    expect(JSON.stringify(executor.describe())).toContain('a software driver: the CPU runs the kernels of the GPU');
  });

  test.for(['none', 'float16', 'int8'] as const)(
    'follows appended, changed and removed rows of a stored matrix with changed rows only (companion: %s)',
    async (companion) => {
      const { backend, executor, cpu } = await open({ policy: pinnedPolicy('webgpu:0') });
      const matrix = await executor.matrix(values, { dimensions: DIMENSIONS, companion });
      const same = await cpu.matrix(values, { dimensions: DIMENSIONS });
      const compare = async (seed: number) => {
        const mine = await executor.topK(query(seed), matrix, { k: 20 });
        const expected = await cpu.topK(query(seed), same, { k: 20 });
        expect([...mine.indices], `query ${seed}`).toEqual([...expected.indices]);
      };
      unwrap(await backend.makeResident(matrix));
      const whole = backend.residency(matrix).residentBytes;
      await compare(1);
      for (const each of [matrix, same]) {
        await each.append(query(100));
        await each.update(5, query(101));
        await each.remove([17, 18]);
      }
      const { bytesToUpload } = backend.residency(matrix);
      expect(bytesToUpload).toBeGreaterThan(0);
      expect(bytesToUpload).toBeLessThan(whole / 1000);
      for (const seed of [100, 101, 2, 3]) await compare(seed);
      unwrap(await backend.makeResident(matrix));
      expect(backend.residency(matrix).bytesToUpload).toBe(0);
      for (const seed of [100, 101, 2, 3]) await compare(seed);
      const { search } = await executor.topK(query(100), matrix, { k: 20 });
      const [ofGpu] = executor.describe(matrix).companions;
      expect(ofGpu).toMatchObject({ backend: 'webgpu:0', status: companion === 'none' ? 'none' : 'ready' });
      if (companion === 'none') expect(search).toBeUndefined();
      else expect(search).toMatchObject({ scanned: ROWS - 1, way: 'whole-codes' });
    },
  );

  test('finishes a request on the CPU when the device is lost, and uses the new device afterwards', async () => {
    const { backend, executor } = await open({ policy: pinnedPolicy('webgpu:0') });
    const matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
    const before = await executor.topK(query(7), matrix, { k: 5 });
    faults.fail('submit', 1);
    const run = unwrapRun(await executor.run({ operation: 'top-k', query: query(7), matrix, k: 5 }));
    expect(run.attempts.map(({ backend: id, outcome }) => `${id} ${outcome}`)).toEqual([
      'webgpu:0 device-lost',
      'cpu success',
    ]);
    expect((run.output as TopKOutput).indices).toEqual(before.indices);
    let last = '';
    // The new device is opened by other threads, and a number of requests would say nothing of how long that takes.
    const endMs = performance.now() + 60_000;
    for (let i = 0; performance.now() < endMs && last !== 'webgpu:0 success'; i++) {
      const { attempts } = unwrapRun(await executor.run({ operation: 'top-k', query: query(i), matrix, k: 5 }));
      last = attempts.map(({ backend: id, outcome }) => `${id} ${outcome}`).join();
    }
    expect(last).toBe('webgpu:0 success');
    expect(backend.epoch).toBe(1);
    expect(executor.snapshot('top-k').devices[0].breaker).toMatchObject({ epoch: 1, state: 'closed' });
  });
});

function unwrapRun(result: Awaited<ReturnType<Executor['run']>>) {
  if (!result.ok) throw new Error(`${result.error.kind}: ${result.error.message}`);
  return result.value;
}
