import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import fc from 'fast-check';
import type { DeviceView, DispatchPolicy, Work } from '@gearshift/contracts';
import { ADAPTIVE_DEFAULTS, adaptivePolicy } from '../src/index.js';
import {
  choose,
  coldGpu,
  CPU,
  createSharedLearning,
  GPU,
  sampleOf,
  scanOf,
  teach,
  TRANSFER,
  trueMs,
  viewOf,
} from './policy-inputs.js';

const NO_EXPLORING = { explorationShare: 0, explorationStartMs: 0 };
const SMALL = scanOf(20);
const LARGE = scanOf(50_000);

function taught(options = {}): DispatchPolicy {
  const policy = adaptivePolicy({ ...NO_EXPLORING, ...options });
  teach(policy, [GPU, CPU]);
  return policy;
}

describe('by predicted time', () => {
  it('sends a small request to the CPU and a large one to the GPU that holds its operand', () => {
    const policy = taught();
    expect(choose(policy, SMALL, [GPU, CPU])).toMatchObject({ id: 'cpu', reason: 'predicted-faster', keep: false });
    expect(choose(policy, LARGE, [GPU, CPU])).toMatchObject({ id: 'cuda:0', reason: 'resident', keep: false });
  });

  it('predicts the time of the chosen device and of the alternative', () => {
    const { predictedMs, alternativeMs } = choose(taught(), LARGE, [GPU, CPU]);
    expect(predictedMs / trueMs(GPU, LARGE)).toBeCloseTo(1, 1);
    expect(alternativeMs / trueMs(CPU, LARGE)).toBeCloseTo(1, 1);
  });

  it('includes the upload of rows that the GPU does not hold', () => {
    const { id, reason, alternativeMs } = choose(taught(), LARGE, [coldGpu(LARGE), CPU]);
    expect([id, reason]).toEqual(['cpu', 'predicted-faster']);
    const uploadMs = TRANSFER.fixedMs + LARGE.rangeBytes / TRANSFER.bytesPerMs;
    expect(alternativeMs / (trueMs(GPU, LARGE) + uploadMs)).toBeCloseTo(1, 1);
  });

  it('includes the wait, and gives it as the reason where it decides', () => {
    const policy = taught();
    const waiting = choose(policy, LARGE, [{ ...GPU, queueMs: 100 }, CPU]);
    expect(waiting).toMatchObject({ id: 'cpu', reason: 'queue' });
    expect(waiting.alternativeMs).toBeGreaterThan(100);
    expect(choose(policy, LARGE, [{ ...GPU, queueMs: 0.1 }, CPU])).toMatchObject({ id: 'cuda:0', reason: 'resident' });
  });

  it('includes the fixed time of each piece, and gives memory as the reason where that decides', () => {
    const policy = taught();
    expect(choose(policy, LARGE, [{ ...GPU, chunks: 2 }, CPU]).id).toBe('cuda:0');
    expect(choose(policy, LARGE, [{ ...GPU, chunks: 1000 }, CPU])).toMatchObject({ id: 'cpu', reason: 'memory' });
  });

  it('prefers among equal devices the one that holds the data, then the idle one', () => {
    const policy = adaptivePolicy(NO_EXPLORING);
    const other = viewOf('cuda:1', 'gpu');
    teach(policy, [GPU, other]);
    const cold = coldGpu(LARGE, { bytesToUpload: LARGE.requestBytes + 1, bytesToKeep: Infinity });
    expect(choose(policy, LARGE, [cold, other]).id).toBe('cuda:1');
    expect(choose(policy, LARGE, [{ ...GPU, queueMs: 0.001 }, other]).id).toBe('cuda:1');
    expect(choose(policy, LARGE, [GPU, { ...other, queueMs: 0.001 }]).id).toBe('cuda:0');
  });
});

describe('without a choice', () => {
  it.each([
    ['no device', [], 'none', 'no-device'],
    ['only a CPU', [CPU], 'cpu', 'no-device'],
    ['a GPU that refuses', [{ ...GPU, supported: false }, CPU], 'cpu', 'unsupported'],
    ['only a GPU', [GPU], 'cuda:0', 'forced'],
    [
      'no device that supports the request',
      [
        { ...GPU, supported: false },
        { ...CPU, supported: false },
      ],
      'none',
      'unsupported',
    ],
  ] as const)('%s', (_name, views, id, reason) => {
    expect(choose(adaptivePolicy(), SMALL, views as readonly DeviceView[])).toMatchObject({ id, reason });
  });

  it('learns from one run in 16 once it knows the CPU, and from all as soon as there is a choice', () => {
    const policy = adaptivePolicy();
    const samples = () => policy.forecast?.('top-k')?.shapes[0].devices[0].samples;
    for (let i = 0; i < 65; i++) policy.observe(sampleOf(CPU, SMALL, 1));
    expect(samples()).toBe(64); // the first one was a warm-up
    for (let i = 0; i < 160; i++) policy.observe(sampleOf(CPU, SMALL, 1));
    expect(samples()).toBe(74);
    choose(policy, SMALL, [GPU, CPU]);
    for (let i = 0; i < 160; i++) policy.observe(sampleOf(CPU, SMALL, 1));
    expect(samples()).toBe(234);
  });

  it('learns from one run in 16 of a known CPU also while it decides', () => {
    const policy = adaptivePolicy();
    for (let i = 0; i < 66 + 160; i++) {
      choose(policy, SMALL, [CPU]);
      policy.observe(sampleOf(CPU, SMALL, 1));
    }
    expect(policy.forecast?.('top-k')?.shapes[0].devices[0].samples).toBe(65 + 10);
  });

  it('predicts the time of the only device', () => {
    expect(choose(taught(), SMALL, [CPU]).predictedMs / trueMs(CPU, SMALL)).toBeCloseTo(1, 1);
  });
});

describe('calibrating', () => {
  /** Runs what is chosen until nothing is unknown any more. */
  function calibrate(policy: DispatchPolicy, work: Work, views: readonly DeviceView[]): string[] {
    const chosen: string[] = [];
    for (let i = 0; i < 40; i++) {
      const { id, reason, device, predictedMs } = choose(policy, work, views);
      if (reason !== 'calibrating') break;
      chosen.push(id);
      if (chosen.length === 1) expect(predictedMs).toBeNaN();
      policy.observe(sampleOf(views[device], work, trueMs(views[device], work)));
    }
    return chosen;
  }

  it('has each device run the first small requests', () => {
    expect(calibrate(adaptivePolicy(), scanOf(100), [GPU, CPU]).sort()).toEqual([
      'cpu',
      'cpu',
      'cpu',
      'cuda:0',
      'cuda:0',
      'cuda:0',
    ]);
  });

  it('does not fit the first run of a kind', () => {
    const policy = adaptivePolicy(NO_EXPLORING);
    for (const view of [GPU, CPU]) {
      policy.observe(sampleOf(view, LARGE, 1000));
      for (let i = 0; i < 4; i++) policy.observe(sampleOf(view, LARGE, trueMs(view, LARGE)));
    }
    expect(choose(policy, LARGE, [GPU, CPU]).predictedMs / trueMs(GPU, LARGE)).toBeCloseTo(1, 1);
  });

  it('costs at most the tokens', () => {
    const policy = adaptivePolicy();
    const [gpuFirst, ...more] = calibrate(policy, scanOf(1e7), [GPU, CPU]);
    expect(gpuFirst).toBe('cuda:0');
    expect(more).not.toContain('cpu');
  });

  it.each([
    ['with a deadline', GPU, { remainingMs: 1000 }],
    ['in strict mode', GPU, { strict: true }],
    ['under memory pressure', { ...GPU, chunks: 2 }, {}],
    ['on a blocked device', { ...GPU, blocked: true }, {}],
  ] as const)('never %s', (_name, gpu, context) => {
    const policy = adaptivePolicy();
    for (let i = 0; i < 8; i++) policy.observe(sampleOf(CPU, SMALL, trueMs(CPU, SMALL)));
    expect(choose(policy, SMALL, [gpu, CPU], context).id).toBe('cpu');
    expect(choose(policy, SMALL, [GPU, CPU])).toMatchObject({ id: 'cuda:0', reason: 'calibrating' });
  });
});

it('does not spend tokens on a device that gets the requests of a blocked one anyway', () => {
  const policy = adaptivePolicy();
  for (let i = 0; i < 8; i++) policy.observe(sampleOf(GPU, SMALL, 1e-3));
  const { explorationTokensMs } = policy.snapshot().learned as { explorationTokensMs: number };
  expect(choose(policy, SMALL, [{ ...GPU, blocked: true }, CPU])).toMatchObject({ id: 'cuda:0', reason: 'resident' });
  expect(policy.snapshot().learned).toMatchObject({ explorationTokensMs });
});

describe('exploring', () => {
  /** The GPU looks a little slower than it is and was not looked at for long. */
  function doubtful(options = {}): DispatchPolicy {
    const policy = adaptivePolicy({ explorationStartMs: 2, ...options });
    teach(policy, [GPU, CPU]);
    for (let i = 0; i < 600; i++) choose(policy, SMALL, [CPU]);
    return policy;
  }
  const NEAR = scanOf(180);

  it('tries the device that looks slower at a size where that costs little', () => {
    expect(choose(doubtful(), NEAR, [GPU, CPU])).toMatchObject({ id: 'cuda:0', reason: 'explore' });
    expect(choose(doubtful(), scanOf(1_000_000), [GPU, CPU])).toMatchObject({ id: 'cuda:0', reason: 'resident' });
  });

  it('tries nothing without tokens', () => {
    expect(choose(doubtful({ explorationStartMs: 0, explorationShare: 0 }), NEAR, [GPU, CPU]).id).toBe('cpu');
  });

  it.each([
    ['with a deadline', GPU, { remainingMs: 1000 }],
    ['in strict mode', GPU, { strict: true }],
    ['under memory pressure', { ...GPU, chunks: 2 }, {}],
    ['on a blocked device', { ...GPU, blocked: true }, {}],
  ] as const)('never %s', (_name, gpu, context) => {
    expect(choose(doubtful(), NEAR, [gpu, CPU], context).id).toBe('cpu');
  });

  it('waits for the result before it tries again', () => {
    const policy = doubtful();
    expect(choose(policy, NEAR, [GPU, CPU]).reason).toBe('explore');
    policy.observe(sampleOf(GPU, NEAR, trueMs(GPU, NEAR)));
    for (let i = 0; i < 8; i++) expect(choose(policy, NEAR, [GPU, CPU]).reason).toBe('predicted-faster');
  });

  it('pays for what an exploration cost beyond what was expected', () => {
    const policy = doubtful();
    expect(choose(policy, NEAR, [GPU, CPU]).reason).toBe('explore');
    policy.observe(sampleOf(GPU, NEAR, 500));
    const { explorationTokensMs } = policy.snapshot().learned as { explorationTokensMs: number };
    expect(explorationTokensMs).toBeLessThan(-400);
  });

  it('notices a GPU that became faster', () => {
    const policy = adaptivePolicy();
    const slow = (view: DeviceView, work: Work) => trueMs(view, work) * (view.kind === 'gpu' ? 12 : 1);
    let now: typeof trueMs = slow;
    const chosen: string[] = [];
    for (let i = 0; i < 4000; i++) {
      if (i === 1000) now = trueMs;
      const work = scanOf(150 + 97 * (i % 20));
      const { device, id } = choose(policy, work, [GPU, CPU], { nowMs: i });
      policy.observe(sampleOf([GPU, CPU][device], work, now([GPU, CPU][device], work), { nowMs: i }));
      chosen.push(id);
    }
    expect(chosen.slice(200, 1000).filter((id) => id === 'cpu').length).toBeGreaterThan(600);
    expect(chosen.slice(-1000).filter((id) => id === 'cuda:0').length).toBeGreaterThan(800);
  });
});

describe('a deadline', () => {
  it('prefers the device that is sure to meet a deadline to the one that is faster on average', () => {
    const policy = adaptivePolicy(NO_EXPLORING);
    for (let i = 0; i < 200; i++) {
      policy.observe(sampleOf(CPU, LARGE, 3));
      policy.observe(sampleOf(GPU, LARGE, [1, 2.2, 4.2][i % 3]));
    }
    expect(choose(policy, LARGE, [GPU, CPU])).toMatchObject({ id: 'cuda:0', reason: 'resident' });
    expect(choose(policy, LARGE, [GPU, CPU], { remainingMs: 4 })).toMatchObject({ id: 'cpu', reason: 'deadline' });
    expect(choose(policy, LARGE, [GPU, CPU], { remainingMs: 100 })).toMatchObject({ id: 'cuda:0', reason: 'resident' });
  });
});

describe('residency', () => {
  const corpus = scanOf(50_000, { operandId: 77 });

  it('sends an operand once its absence has cost as much as sending it', () => {
    const policy = taught();
    const decisions: string[] = [];
    for (let i = 0; i < 10 && decisions.at(-1) !== 'invest-upload'; i++) {
      const { reason, keep, id } = choose(policy, corpus, [coldGpu(corpus), CPU]);
      expect(keep).toBe(reason === 'invest-upload');
      expect(id).toBe(keep ? 'cuda:0' : 'cpu');
      decisions.push(reason);
    }
    const uploadMs = TRANSFER.fixedMs + corpus.rangeBytes / TRANSFER.bytesPerMs;
    const savingMs = trueMs(CPU, corpus) - trueMs(GPU, corpus);
    expect(decisions.length).toBe(Math.ceil(uploadMs / savingMs));
  });

  it.each([
    ['cannot stay', { bytesToKeep: Infinity }, {}],
    ['is on a blocked device', { blocked: true }, {}],
    ['does not fit as a whole', { chunks: 2 }, {}],
    ['would arrive after the deadline', {}, { remainingMs: 8 }],
  ] as const)('never sends what %s', (_name, gpu, context) => {
    const policy = taught();
    for (let i = 0; i < 50; i++) expect(choose(policy, corpus, [coldGpu(corpus, gpu), CPU], context).keep).toBe(false);
  });

  it.each([
    ['enough uses', 100, 'invest-upload'],
    ['endless uses', Infinity, 'invest-upload'],
    ['too few uses', 2, 'predicted-faster'],
    ['unknown uses', 0, 'predicted-faster'],
  ] as const)('sends an operand at once if its owner expects uses: %s', (_name, expectedUses, expected) => {
    const { reason, keep } = choose(taught(), { ...corpus, expectedUses }, [coldGpu(corpus), CPU]);
    expect(reason).toBe(expected);
    expect(keep).toBe(expected === 'invest-upload');
  });

  it('sends nothing to a device that saves nothing, however many uses are expected', () => {
    const small = scanOf(100, { operandId: 78, expectedUses: Infinity });
    expect(choose(taught(), small, [coldGpu(small), CPU])).toMatchObject({ id: 'cpu', keep: false });
  });

  it('keeps an operand that has to be sent as a whole anyway', () => {
    const policy = adaptivePolicy(NO_EXPLORING);
    teach(policy, [GPU, CPU], 64);
    const work = scanOf(5000, { queries: 64 });
    expect(choose(policy, work, [coldGpu(work), CPU])).toMatchObject({
      id: 'cuda:0',
      reason: 'predicted-faster',
      keep: true,
    });
  });
});

describe('samples', () => {
  const errorOf = (policy: DispatchPolicy) => choose(policy, LARGE, [GPU, CPU]).alternativeMs / trueMs(CPU, LARGE);

  it('ignores latencies that include a wait', () => {
    const policy = taught();
    for (let i = 0; i < 20; i++) policy.observe(sampleOf(CPU, LARGE, 900, { fused: true, queued: true }));
    expect(errorOf(policy)).toBeCloseTo(1, 1);
  });

  it('learns the rest of a latency where the backend reports only the wait', () => {
    const policy = taught();
    const { attempt, ...rest } = sampleOf(CPU, LARGE, 3 * trueMs(CPU, LARGE), { fused: true, queued: true });
    if (attempt.phases === undefined) throw new Error('expected a sample to have phases');
    const phases = { ...attempt.phases, queueMs: 900, totalMs: 900 + attempt.phases.totalMs };
    for (let i = 0; i < 60; i++)
      policy.observe({ ...rest, attempt: { ...attempt, latencyMs: phases.totalMs, phases } });
    expect(errorOf(policy)).toBeGreaterThan(2.5);
    expect(errorOf(policy)).toBeLessThan(3.5);
  });

  it('learns from the phases that a backend reports, in spite of a wait', () => {
    const policy = taught();
    for (let i = 0; i < 20; i++) policy.observe(sampleOf(CPU, LARGE, trueMs(CPU, LARGE), { queued: true }));
    expect(errorOf(policy)).toBeCloseTo(1, 1);
  });

  it('learns nothing from failures', () => {
    const policy = taught();
    const { attempt, ...rest } = sampleOf(CPU, LARGE, 900);
    for (let i = 0; i < 20; i++)
      policy.observe({ ...rest, attempt: { ...attempt, outcome: 'fault', phases: undefined } });
    expect(errorOf(policy)).toBeCloseTo(1, 1);
  });

  test('no measurement makes it predict nonsense', () => {
    const time = fc.oneof(fc.double(), fc.double({ min: 0, max: 1e3, noNaN: true }));
    const step = fc.record({ rows: fc.nat(1e6), isGpu: fc.boolean(), runMs: time, uploadMs: time, bytes: fc.nat(1e9) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const policy = adaptivePolicy();
        for (const { rows, isGpu, runMs, uploadMs, bytes } of steps) {
          const work = scanOf(rows);
          policy.observe(sampleOf(isGpu ? GPU : CPU, work, runMs, { uploadMs, uploadedBytes: bytes }));
          const { device, predictedMs, alternativeMs } = choose(policy, work, [coldGpu(work), CPU]);
          expect([0, 1]).toContain(device);
          for (const ms of [predictedMs, alternativeMs]) {
            expect(Number.isNaN(ms) || (ms > 0 && ms < Infinity), String(ms)).toBe(true);
          }
        }
      }),
      { seed: 20_261_123, numRuns: 300 },
    );
  });
});

describe('shared learning', () => {
  it('lets a worker that has never used the GPU choose it at its first call', () => {
    const common = createSharedLearning();
    const busy = adaptivePolicy(NO_EXPLORING);
    const fresh = adaptivePolicy(NO_EXPLORING);
    busy.share?.(common.thread());
    fresh.share?.(common.thread());
    teach(busy, [GPU, CPU]);
    expect(choose(fresh, LARGE, [GPU, CPU])).toMatchObject({ id: 'cuda:0', reason: 'resident' });
    const { predictedMs, alternativeMs } = choose(fresh, LARGE, [GPU, CPU]);
    expect(predictedMs / trueMs(GPU, LARGE)).toBeCloseTo(1, 1);
    expect(alternativeMs / trueMs(CPU, LARGE)).toBeCloseTo(1, 1);
    expect(choose(fresh, LARGE, [coldGpu(LARGE), CPU]).id).toBe('cpu');
  });

  it('a policy without shared learning shares nothing', () => {
    teach(adaptivePolicy(), [GPU, CPU]);
    expect(choose(adaptivePolicy(), LARGE, [GPU, CPU]).reason).toBe('calibrating');
  });

  it('a slowdown of a device is known to the other threads', () => {
    const common = createSharedLearning();
    const busy = adaptivePolicy(NO_EXPLORING);
    const other = adaptivePolicy(NO_EXPLORING);
    busy.share?.(common.thread());
    other.share?.(common.thread());
    teach(busy, [GPU, CPU]);
    expect(choose(other, LARGE, [GPU, CPU]).id).toBe('cuda:0');
    for (let i = 0; i < 30; i++) busy.observe(sampleOf(GPU, LARGE, 500 * trueMs(GPU, LARGE)));
    expect(choose(other, LARGE, [GPU, CPU], { nowMs: 1000 }).id).toBe('cpu');
  });

  it('includes what was learned before it was shared', () => {
    const common = createSharedLearning();
    const early = taught();
    early.share?.(common.thread());
    const late = adaptivePolicy(NO_EXPLORING);
    late.share?.(common.thread());
    expect(choose(late, LARGE, [GPU, CPU])).toMatchObject({ id: 'cuda:0', reason: 'resident' });
    expect(choose(early, LARGE, [GPU, CPU])).toMatchObject({ id: 'cuda:0', reason: 'resident' });
  });

  it('learns without sharing where there is no room', () => {
    const policy = adaptivePolicy(NO_EXPLORING);
    policy.share?.({ sums: () => undefined });
    teach(policy, [GPU, CPU]);
    expect(choose(policy, LARGE, [GPU, CPU]).id).toBe('cuda:0');
  });

  it('asks for one name per device and kind of request', () => {
    const common = createSharedLearning();
    const policy = adaptivePolicy();
    policy.share?.(common.thread());
    teach(policy, [GPU, CPU]);
    expect(common.names().sort()).toEqual([
      'adaptive/cost/top-k/scan/cpu',
      'adaptive/cost/top-k/scan/cuda:0',
      'adaptive/speed/cpu',
      'adaptive/speed/cuda:0',
      'adaptive/upload/cuda:0',
    ]);
  });
});

test('the same requests and measurements give the same choices', () => {
  const play = (): unknown[] => {
    const policy = adaptivePolicy();
    return Array.from({ length: 600 }, (_, i) => {
      const work = scanOf(20 + ((i * 7919) % 4000), { operandId: i % 5 });
      const views = [i % 3 === 0 ? coldGpu(work) : GPU, CPU];
      const choice = choose(policy, work, views, { nowMs: i });
      const noise = 1 + 0.3 * Math.sin(i * 12.9898);
      policy.observe(sampleOf(views[choice.device], work, noise * trueMs(views[choice.device], work), { nowMs: i }));
      return choice;
    });
  };
  expect(play()).toEqual(play());
});

test('deciding and observing allocate nothing but boxed numbers', () => {
  // As its users run it: what vitest makes of imports keeps the engine from optimizing calls across files.
  const probe = fileURLToPath(new URL('allocation-probe.mjs', import.meta.url));
  // Optimized code allocates less. Without a thread for it, no busy machine decides from which call on there is some.
  const compiler = '--no-concurrent-recompilation';
  const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256', compiler];
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, probe], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { decide, observe } = JSON.parse(stdout) as { decide: number; observe: number };
  // 16 bytes for each number that crosses a call which is not inlined.
  expect(decide).toBeLessThan(200);
  expect(observe).toBeLessThan(400);
});

describe('the forecast', () => {
  it('has costs, break-even sizes and the error of its predictions', () => {
    const policy = taught();
    const forecast = policy.forecast?.('top-k');
    expect(forecast?.shapes).toHaveLength(1);
    const [shape] = forecast?.shapes ?? [];
    expect(shape).toMatchObject({ shape: 'scan', unit: 'flop', explorations: 0 });
    expect(shape.devices.map(({ id, kind }) => [id, kind])).toEqual([
      ['cuda:0', 'gpu'],
      ['cpu', 'cpu'],
    ]);
    const cpu = shape.devices[1];
    expect(cpu.fixedMs).toBeCloseTo(0.003, 3);
    expect(cpu.msPerUnit * 1.5e7).toBeCloseTo(1, 1);
    expect(cpu.slowdown).toBeCloseTo(1, 1);
    expect(shape.breakEven.resident?.items).toBeGreaterThan(150);
    expect(shape.breakEven.resident?.items).toBeLessThan(320);
    expect(shape.breakEven.cold).toBeNull();
    expect(shape.predictionError).toBeLessThan(0.1);
    expect(shape.estimatedRegretMs).toBeGreaterThanOrEqual(0);
  });

  it('has the size from which an upload pays at once', () => {
    const policy = adaptivePolicy();
    teach(policy, [GPU, CPU], 64);
    const [{ breakEven }] = policy.forecast?.('top-k')?.shapes ?? [];
    expect(breakEven.cold?.units).toBeGreaterThan(breakEven.resident?.units ?? Infinity);
  });

  it('counts explorations and what they cost', () => {
    const policy = adaptivePolicy();
    teach(policy, [GPU, CPU]);
    for (let i = 0; i < 600; i++) choose(policy, SMALL, [CPU]);
    choose(policy, scanOf(180), [GPU, CPU]);
    const [{ explorations, estimatedRegretMs }] = policy.forecast?.('top-k')?.shapes ?? [];
    expect(explorations).toBe(1);
    expect(estimatedRegretMs).toBeGreaterThan(0);
  });

  it('is plain frozen data', () => {
    const forecast = taught().forecast?.('top-k');
    const thaw = (value: unknown): boolean =>
      typeof value === 'object' && value !== null && (!Object.isFrozen(value) || Object.values(value).some(thaw));
    expect(thaw(forecast)).toBe(false);
    expect(structuredClone(forecast)).toEqual(forecast);
  });

  it('is undefined for an operation that was never requested', () => {
    expect(taught().forecast?.('cosine-similarity')).toBeUndefined();
  });

  it('is part of the snapshot', () => {
    const policy = taught();
    expect(policy.snapshot()).toMatchObject({
      policy: 'adaptive',
      options: { ...ADAPTIVE_DEFAULTS, ...NO_EXPLORING },
      learned: { operations: [policy.forecast?.('top-k')], transfers: [{ id: 'cuda:0' }] },
    });
  });
});

describe('options', () => {
  it.each([
    ['explorationShare', 2],
    ['explorationShare', -0.1],
    ['explorationStartMs', NaN],
    ['explorationCapMs', -1],
    ['tieShare', 1.5],
  ])('refuses %s: %d', (name, value) => {
    expect(() => adaptivePolicy({ [name]: value })).toThrow(RangeError);
    expect(() => adaptivePolicy({ [name]: value })).toThrow(name);
  });

  it.each([
    ['explorationShare', 0],
    ['explorationShare', 1],
    ['explorationStartMs', 0],
    ['explorationCapMs', 0],
    ['tieShare', 0],
    ['tieShare', 1],
  ])('accepts %s: %d', (name, value) => {
    expect(adaptivePolicy({ [name]: value }).snapshot().options).toEqual({ ...ADAPTIVE_DEFAULTS, [name]: value });
  });

  it('are the defaults where they are left out', () => {
    expect(adaptivePolicy().snapshot().options).toEqual(ADAPTIVE_DEFAULTS);
    expect(adaptivePolicy({ tieShare: undefined }).snapshot().options).toEqual(ADAPTIVE_DEFAULTS);
    expect(adaptivePolicy().name).toBe('adaptive');
  });

  it('say what was expected and what came', () => {
    expect(() => adaptivePolicy({ tieShare: 1.5 })).toThrow('tieShare: expected a share from 0 to 1, got 1.5');
  });

  it('refuses options that are not an object', () => {
    expect(() => adaptivePolicy(null as never)).toThrow(TypeError);
    expect(() => adaptivePolicy({ tieShare: '5 %' as never })).toThrow(TypeError);
  });
});
