import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  unwrap,
  type BackendErrorKind,
  type Companion,
  type CsrGraph,
  type SyncBackend,
  type VectorMatrix,
} from '@gearshift/contracts';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { randomValues, uniformGraph } from '@gearshift/testing';
import { effort, tellCount } from '@gearshift/vitest-config/effort';
import type { FaultyCall } from '@gearshift/vulkan-drivers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { WebGpuDeviceBackend } from '../src/webgpu-device-backend.js';
import { openBackend, softwareGpu } from './software-gpu.js';

const ROWS = 6000;
const DIMENSIONS = 64;
const NODES = 500;
const FAULTS: readonly FaultyCall[] = ['allocation', 'submit', 'pipeline', 'fence'];
/** What a request may end with. Everything else would be a fault of the backend. */
const TYPED: ReadonlySet<BackendErrorKind> = new Set(['out-of-memory', 'device-lost', 'fault', 'timeout']);

const { title, isLacking, faults } = softwareGpu('swiftshader');

/** What each request gave, or the kind of its error. */
interface Answers {
  readonly scores: Float32Array | BackendErrorKind;
  readonly ranking: { readonly indices: Uint32Array; readonly scores: Float32Array } | BackendErrorKind;
  readonly spread: Float32Array | BackendErrorKind;
}

describe.skipIf(isLacking)(`faults of the driver, on ${title}`, () => {
  const values = randomValues(ROWS * DIMENSIONS, 1);
  const query = randomValues(2 * DIMENSIONS, 2);
  const activations = randomValues(NODES, 3);
  const graph = uniformGraph({ nodes: NODES, edgesPerNode: 5, seed: 4 });
  let cpu: SyncBackend;
  let runs = 0;

  beforeAll(async () => {
    cpu = unwrap(await createCpuBackend());
  });
  afterEach(() => faults.clear());
  afterAll(async () => {
    await cpu?.close();
    tellCount('R7', runs);
    faults.close();
  });

  const newMatrix = (companion?: Companion) => createMatrix(values.slice(), { dimensions: DIMENSIONS, companion });

  async function askAll(backend: WebGpuDeviceBackend, matrix: VectorMatrix, onGraph: CsrGraph): Promise<Answers> {
    const kept = await backend.makeResident(matrix);
    if (!kept.ok) expect(TYPED).toContain(kept.error.kind);
    const scores = new Float32Array(2 * ROWS);
    const scored = await backend.cosineSimilarity(
      { operation: 'cosine-similarity', query, queries: 2, matrix },
      scores,
    );
    const request = prepareTopK({ operation: 'top-k', query, queries: 2, matrix, k: 10 });
    const ranking = createTopKOutput(request);
    const ranked = await backend.topK(request, ranking);
    const spread = new Float32Array(NODES);
    const spreading = { operation: 'spread-activation', graph: onGraph, activations, hops: 2 } as const;
    const spreadOut = await backend.spreadActivation(spreading, spread);
    return {
      scores: scored.ok ? scores : scored.error.kind,
      // Without memory for a companion it was not used.
      ranking: ranked.ok ? { indices: ranking.indices, scores: ranking.scores } : ranked.error.kind,
      spread: spreadOut.ok ? spread : spreadOut.error.kind,
    };
  }

  /** Each answer is right or an error of a known kind. */
  function expectNoneWrong(answers: Answers, right: Answers, where: string): void {
    for (const name of ['scores', 'ranking', 'spread'] as const) {
      const answer = answers[name];
      if (typeof answer === 'string') expect(TYPED, `${where}: ${name} ended with ${answer}`).toContain(answer);
      else expect(answer, `${where}: ${name}`).toEqual(right[name]);
    }
  }

  async function withBackend<T>(use: (backend: WebGpuDeviceBackend) => Promise<T>): Promise<T> {
    const backend = await openBackend({ hangMs: 20_000 });
    try {
      return await use(backend);
    } finally {
      await backend.close();
    }
  }

  test('an answer without a fault is that of the CPU within the tolerance', async () => {
    await withBackend(async (backend) => {
      const matrix = newMatrix();
      const { scores, ranking } = await askAll(backend, matrix, graph);
      const expected = new Float32Array(2 * ROWS);
      unwrap(cpu.cosineSimilaritySync({ operation: 'cosine-similarity', query, queries: 2, matrix }, expected));
      expect(scores).toBeInstanceOf(Float32Array);
      for (const [i, score] of (scores as Float32Array).entries())
        expect(Math.abs(score - expected[i])).toBeLessThan(1e-5);
      expect((ranking as Exclude<typeof ranking, string>).indices).toHaveLength(2 * 10);
    });
  });

  test.each(FAULTS.flatMap((call) => (['none', 'int8'] as const).map((companion) => [call, companion] as const)))(
    'no answer is wrong whichever %s fails, once or for good, and a later request succeeds (companion: %s)',
    { timeout: effort({ test: 120_000, ci: 1_200_000 }) },
    async (call, companion) => {
      const [right, total] = await withBackend(async (backend) => {
        const before = faults.read();
        const answers = await askAll(backend, newMatrix(companion), graph);
        return [answers, callsOf(call, faults.read()) - callsOf(call, before)];
      });
      expect(total).toBeGreaterThan(0);
      let failed = 0;
      for (const n of positions(total)) {
        for (const forGood of [false, true]) {
          const where = `${call} ${n} of ${total}${forGood ? ' and later ones' : ''}`;
          await withBackend(async (backend) => {
            faults.fail(call, n, { forGood });
            const matrix = newMatrix(companion);
            const answers = await askAll(backend, matrix, graph);
            expectNoneWrong(answers, right, where);
            failed += Object.values(answers).filter((answer) => typeof answer === 'string').length;
            faults.clear();
            await untilThere(backend);
            const later = await askAll(backend, newMatrix(companion), graph);
            expect(later, `${where}: afterwards`).toEqual(right);
          });
          runs += 1;
          const { liveDevices, liveAllocations } = faults.read();
          expect({ liveDevices, liveAllocations }, where).toEqual({ liveDevices: 0, liveAllocations: 0 });
        }
      }
      expect(failed).toBeGreaterThan(0);
    },
  );

  test('a lost device is replaced by a new one, with a new epoch and without the copies of the old one', async () => {
    await withBackend(async (backend) => {
      const matrix = newMatrix();
      unwrap(await backend.makeResident(matrix));
      expect(backend.epoch).toBe(0);
      faults.fail('submit', 1);
      const request = { operation: 'cosine-similarity', query: query.subarray(0, DIMENSIONS), matrix } as const;
      const lost = await backend.cosineSimilarity(request, new Float32Array(ROWS));
      expect(lost).toMatchObject({ ok: false, error: { kind: 'device-lost', backend: 'webgpu:0' } });
      await untilThere(backend);
      expect(backend.epoch).toBe(1);
      expect(backend.residency(matrix).residentBytes).toBe(0);
      unwrap(await backend.cosineSimilarity(request, new Float32Array(ROWS)));
    });
  });

  test('a device that never ends its work counts as lost after hangMs', async () => {
    // More than the upload takes on a machine that does other work as well.
    const backend = await openBackend({ hangMs: 3000 });
    const matrix = newMatrix();
    unwrap(await backend.makeResident(matrix));
    faults.delaySubmits(60_000);
    const request = { operation: 'cosine-similarity', query: query.subarray(0, DIMENSIONS), matrix } as const;
    const late = await backend.cosineSimilarity(request, new Float32Array(ROWS));
    expect(late).toMatchObject({ ok: false, error: { kind: 'timeout', message: expect.stringContaining('3000 ms') } });
    expect(backend.supports(request)).toMatchObject({ reason: expect.stringContaining('did not finish') });
    faults.delaySubmits(0);
    await backend.close();
  });

  test('memory that the device lacks is an error with the bytes, and copies that were not used for longest make room', async () => {
    const backend = await openBackend({ memoryBytes: 24 * 2 ** 20 });
    const matrices = Array.from({ length: 8 }, () =>
      createMatrix(randomValues(16_384 * DIMENSIONS, 7), { dimensions: DIMENSIONS }),
    );
    for (const matrix of matrices) unwrap(await backend.makeResident(matrix));
    expect(backend.residency(matrices[0]).residentBytes).toBe(0);
    expect(backend.residency(matrices[7]).residentBytes).toBeGreaterThan(4 * 2 ** 20);
    expect(backend.memory().freeBytes).toBeLessThanOrEqual(24 * 2 ** 20);
    const held = backend.residency(matrices[7]).residentBytes;
    const large = createMatrix(new Float32Array((32 * 2 ** 20) / 4), { dimensions: DIMENSIONS });
    expect(await backend.makeResident(large)).toMatchObject({
      ok: false,
      error: { kind: 'out-of-memory', requestedBytes: expect.any(Number), freeBytes: expect.any(Number) },
    });
    expect(backend.residency(matrices[7]).residentBytes, 'a copy that could not make room').toBe(held);
    unwrap(await backend.makeResident(matrices[0]));
    await backend.close();
  });
});

function callsOf(call: FaultyCall, counters: ReturnType<typeof faults.read>): number {
  return {
    allocation: counters.allocations,
    submit: counters.submits,
    pipeline: counters.pipelines,
    fence: counters.fences,
  }[call];
}

/** Every position for the reliability goal, but for fences: they are polled, thousands of times and differently in each run. */
function positions(total: number): number[] {
  const most = effort({ test: 2, ci: 40, nightly: 400 });
  if (total <= most) return Array.from({ length: total }, (_, i) => i + 1);
  return [...new Set(Array.from({ length: most }, (_, i) => 1 + Math.round((i * (total - 1)) / (most - 1))))];
}

/** Waits until the backend has replaced a lost device. */
async function untilThere(backend: WebGpuDeviceBackend): Promise<void> {
  const request = {
    operation: 'spread-activation',
    graph: uniformGraph({ nodes: 2, edgesPerNode: 1, seed: 1 }),
    activations: new Float32Array(2),
  } as const;
  for (let i = 0; i < 1000 && backend.supports(request) !== true; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(backend.supports(request)).toBe(true);
}
