import { beforeEach, describe, expect, it } from 'vitest';
import { NO_DEVICE, type DecisionSlot, type DispatchSample, type PhaseTimes, type Work } from '@gearshift/contracts';
import { LINE, type CostLine } from '../src/adaptive/cost-line.js';
import { Knowledge } from '../src/adaptive/knowledge.js';
import { TokenBucket } from '../src/adaptive/token-bucket.js';
import { CPU, createSharedLearning, GPU, sampleOf, scanOf } from './policy-inputs.js';

const WORK = scanOf(1000);
let tokens: TokenBucket;
let knowledge: Knowledge;

beforeEach(() => {
  tokens = new TokenBucket(0.1, 0, 1000);
  knowledge = new Knowledge(tokens);
});

function lineOf(id: string, work: Work = WORK): CostLine {
  return knowledge.device(id, 'cpu').line(knowledge.task(work), work, undefined);
}

function expectedMs(work: Work = WORK, more: Partial<typeof CPU> = {}): DecisionSlot {
  const out: DecisionSlot = { device: NO_DEVICE, reason: 'forced', predictedMs: NaN, alternativeMs: NaN, keep: false };
  knowledge.expectOnlyCpu(work, { ...CPU, ...more }, 0, out);
  return out;
}

describe('a run', () => {
  type Change = Partial<Omit<DispatchSample, 'attempt'>> & {
    latencyMs?: number;
    phases?: Partial<PhaseTimes> | undefined;
  };

  /** Milliseconds that the second run of a line is fitted as; `undefined` when it is not fitted. */
  function fittedMs({ latencyMs = 9, phases, ...change }: Change): number | undefined {
    const sample = sampleOf(GPU, WORK, 1);
    const all: PhaseTimes = {
      queueMs: 0,
      uploadMs: 0,
      kernelMs: 0,
      downloadMs: 0,
      totalMs: 9,
      fused: false,
      ...phases,
    };
    knowledge.observe(sample);
    const attempt = { ...sample.attempt, latencyMs, phases: phases === undefined ? undefined : all };
    knowledge.observe({ ...sample, ...change, attempt });
    const { total } = lineOf('cuda:0').sums;
    return total[LINE.samples] === 0 ? undefined : 1 / total[LINE.t1];
  }

  it('takes as long as its kernel, its download, and the upload of its own bytes', () => {
    const phases = { kernelMs: 4, downloadMs: 2, uploadMs: 1 };
    expect(fittedMs({ phases })).toBeCloseTo(7, 9);
  });

  it('takes no time for the upload of an operand, which is learned apart', () => {
    const phases = { kernelMs: 4, downloadMs: 2, uploadMs: 100 };
    expect(fittedMs({ phases, uploadedBytes: WORK.requestBytes + 1 })).toBeCloseTo(6, 9);
  });

  it('includes the upload where nothing but the bytes of the request was sent', () => {
    const phases = { kernelMs: 4, downloadMs: 2, uploadMs: 3 };
    expect(fittedMs({ phases, uploadedBytes: WORK.requestBytes })).toBeCloseTo(9, 9);
  });

  it('is its latency where the backend does not report phases', () => {
    expect(fittedMs({ latencyMs: 8 })).toBeCloseTo(8, 9);
    knowledge = new Knowledge(tokens);
    expect(fittedMs({ latencyMs: 8, phases: { fused: true, kernelMs: 3 } })).toBeCloseTo(8, 9);
  });

  it('is its kernel where the latency includes a wait that the backend reports', () => {
    expect(fittedMs({ queued: true, phases: { fused: true, kernelMs: 3, queueMs: 5 } })).toBeCloseTo(3, 9);
  });

  it('is not fitted where the latency may include a wait', () => {
    expect(fittedMs({ queued: true, phases: { fused: true, kernelMs: 3, queueMs: 0 } })).toBeUndefined();
    knowledge = new Knowledge(tokens);
    expect(fittedMs({ queued: true })).toBeUndefined();
  });

  it('takes at least ten nanoseconds', () => {
    expect(fittedMs({ latencyMs: 0 })).toBeCloseTo(1e-5, 12);
  });

  it.each([-1, NaN, Infinity])('is not fitted where it took %d ms', (latencyMs) => {
    expect(fittedMs({ latencyMs })).toBeUndefined();
  });

  it('is fitted as what it would have taken at the usual speed of the device', () => {
    for (let i = 0; i < 30; i++) knowledge.observe(sampleOf(GPU, WORK, 1));
    for (let i = 0; i < 2; i++) knowledge.observe(sampleOf(GPU, WORK, 3));
    const { speed } = knowledge.device('cuda:0', 'gpu');
    expect(speed.factor).toBeCloseTo(3 ** (2 / 3), 2);
    const { total } = lineOf('cuda:0').sums;
    const [t1, squaredErrors] = [total[LINE.t1], total[LINE.squaredErrors]];
    knowledge.observe(sampleOf(GPU, WORK, 3));
    expect(speed.factor).toBeGreaterThan(2.2);
    expect(total[LINE.t1]).toBeCloseTo(0.99 * t1 + speed.factor / 3, 3);
    expect(total[LINE.squaredErrors]).toBeCloseTo(0.97 * squaredErrors + (Math.log(3) / 3) ** 2, 2);
  });

  it('is counted but not fitted when it is the first of its kind, or an outlier', () => {
    knowledge.observe(sampleOf(GPU, WORK, 1));
    const { total } = lineOf('cuda:0').sums;
    expect([total[LINE.samples], total[LINE.runs]]).toEqual([0, 1]);
    for (let i = 0; i < 10; i++) knowledge.observe(sampleOf(GPU, WORK, 1));
    expect([total[LINE.samples], total[LINE.runs]]).toEqual([10, 11]);
    knowledge.observe(sampleOf(GPU, WORK, 1000));
    expect([total[LINE.samples], total[LINE.runs]]).toEqual([10, 12]);
  });

  it('corrects a line that is not known yet instead of the speed of the device', () => {
    for (const ms of [1, 1000, 1000]) knowledge.observe(sampleOf(GPU, WORK, ms));
    expect(lineOf('cuda:0').sums.total[LINE.samples]).toBe(2);
    expect(knowledge.device('cuda:0', 'gpu').speed.factor).toBe(1);
  });

  it('earns tokens for its latency, and so does a failure', () => {
    knowledge.observe(sampleOf(GPU, WORK, 7));
    expect(tokens.tokensMs).toBeCloseTo(0.7, 12);
    const { attempt, ...rest } = sampleOf(GPU, WORK, 5);
    knowledge.observe({ ...rest, attempt: { ...attempt, outcome: 'fault' } });
    expect(tokens.tokensMs).toBeCloseTo(1.2, 12);
  });

  it('pays for what an exploration cost beyond what was expected, once', () => {
    lineOf('cuda:0').exploredUpToMs = 4;
    knowledge.observe(sampleOf(GPU, WORK, 10));
    expect(tokens.tokensMs).toBeCloseTo(1 - 6, 12);
    knowledge.observe(sampleOf(GPU, WORK, 10));
    expect(tokens.tokensMs).toBeCloseTo(2 - 6, 12);
  });
});

describe('an upload', () => {
  const transferOf = (id: string): number[] => {
    const { total } = knowledge.device(id, 'gpu').transfer.sums;
    return [total[LINE.samples], total[LINE.runs]];
  };

  it('is learned from runs that sent more than the bytes of the request', () => {
    const run = (uploadedBytes: number, uploadMs: number, fused = false): void =>
      knowledge.observe(sampleOf(GPU, WORK, 1, { uploadedBytes, uploadMs, fused }));
    run(WORK.requestBytes + 1e6, 2);
    expect(transferOf('cuda:0')).toEqual([0, 1]);
    run(WORK.requestBytes + 1e6, 2);
    expect(transferOf('cuda:0')).toEqual([1, 2]);
    expect(knowledge.device('cuda:0', 'gpu').transfer.sums.total[LINE.t2]).toBeCloseTo(1e6 / 2, 6);
    run(WORK.requestBytes, 2);
    run(WORK.requestBytes + 1e6, 0);
    run(WORK.requestBytes + 1e6, 2, true);
    expect(transferOf('cuda:0')).toEqual([1, 2]);
  });

  it('is learned when an operand was sent to stay, but only on a known device and if it took time', () => {
    const upload = { deviceId: 'cuda:0', operandId: 1, bytes: 1e6, latencyMs: 2, nowMs: 0 };
    knowledge.observeUpload(upload);
    expect(knowledge.devices.size).toBe(0);
    knowledge.device('cuda:0', 'gpu');
    for (const bad of [{ bytes: 0 }, { bytes: NaN }, { latencyMs: 0 }, { latencyMs: Infinity }, { latencyMs: NaN }]) {
      knowledge.observeUpload({ ...upload, ...bad });
    }
    expect(transferOf('cuda:0')).toEqual([0, 0]);
    knowledge.observeUpload(upload);
    knowledge.observeUpload(upload);
    expect(transferOf('cuda:0')).toEqual([1, 2]);
  });

  it('is believed when two in a row are slow, and not fitted when one is', () => {
    const device = knowledge.device('cuda:0', 'gpu');
    for (let i = 0; i < 20; i++) device.observeUpload(1e6, 1, 0, 0);
    device.observeUpload(1e6, 50, 0, 0);
    expect(transferOf('cuda:0')).toEqual([19, 21]);
    device.observeUpload(1e6, 50, 0, 0);
    expect(transferOf('cuda:0')).toEqual([20, 22]);
    device.observeUpload(1e6, 0.01, 0, 0);
    expect(transferOf('cuda:0')).toEqual([21, 23]);
  });

  it('notes the decision of the last one', () => {
    const device = knowledge.device('cuda:0', 'gpu');
    device.observeUpload(1e6, 1, 0, 12);
    expect(device.transfer.sums.lastRunAt).toBe(12);
  });
});

describe('the only CPU', () => {
  const learn = (runs: number, work: Work = WORK, ms = 1): void => {
    for (let i = 0; i < runs; i++) knowledge.observe(sampleOf(CPU, work, ms));
  };

  it('is expected to take the time of its queue and of its run, once that is known', () => {
    expect(expectedMs()).toMatchObject({ device: 0, reason: 'no-device', predictedMs: NaN });
    learn(20);
    expect(expectedMs().predictedMs).toBeCloseTo(1, 2);
    expect(expectedMs(WORK, { queueMs: 5 }).predictedMs).toBeCloseTo(6, 2);
    expect(expectedMs().predictedMs).toBeCloseTo(1, 2);
  });

  it('is not chosen where it does not support the request', () => {
    expect(expectedMs(WORK, { supported: false })).toMatchObject({ device: NO_DEVICE, reason: 'unsupported' });
    expect(knowledge.decisions).toBe(1);
  });

  it.each<[string, Partial<Work>, number]>([
    ['another size', { flops: 2 * WORK.flops, bytes: 2 * WORK.bytes }, 2],
    ['other bytes of the same operations', { bytes: 2 * WORK.bytes }, 1],
    ['another operation', { operation: 'cosine-similarity' }, 5],
    ['another shape', { shape: 'candidates' }, 5],
  ])('is expected anew for %s', (_case, change, ms) => {
    const other = { ...WORK, ...change };
    for (let i = 0; i < 40; i++) {
      learn(1);
      learn(1, other, ms);
    }
    expect(expectedMs().predictedMs).toBeCloseTo(1, 1);
    expect(expectedMs(other).predictedMs).toBeCloseTo(ms, 1);
    expect(expectedMs().predictedMs).toBeCloseTo(1, 1);
  });

  it('is expected anew after something was learned', () => {
    learn(20);
    const before = expectedMs().predictedMs;
    learn(20, WORK, 1.5);
    expect(expectedMs().predictedMs).toBeGreaterThan(before * 1.1);
  });

  it('is asked about again only after something was learned, or shared', () => {
    learn(20);
    const before = expectedMs().predictedMs;
    const line = lineOf('cpu');
    line.fixedMs *= 2;
    line.msPerUnit *= 2;
    expect(expectedMs().predictedMs).toBe(before);
    knowledge.share({ sums: () => undefined });
    expect(expectedMs().predictedMs).toBeCloseTo(2 * before, 9);
  });

  const samples = (work: Work = WORK): number => lineOf('cpu', work).sums.total[LINE.samples];

  it('is learned from one run in 16 after 64 samples', () => {
    learn(65);
    expect(samples()).toBe(64);
    learn(1);
    expect(samples()).toBe(65);
    learn(15);
    expect(samples()).toBe(65);
    learn(1);
    expect(samples()).toBe(66);
  });

  it('is learned from each run of another operation or shape, and from each failure', () => {
    learn(66);
    for (const other of [
      { ...WORK, operation: 'mine' },
      { ...WORK, shape: 'graph' as const },
    ]) {
      learn(10, other);
      expect(samples(other)).toBe(9);
      learn(66);
    }
    const { lessons } = knowledge;
    const { attempt, ...rest } = sampleOf(CPU, WORK, 1);
    for (let i = 0; i < 5; i++) knowledge.observe({ ...rest, attempt: { ...attempt, outcome: 'fault' } });
    expect(knowledge.lessons).toBe(lessons + 5);
  });

  it('is learned from each run while there is a choice', () => {
    knowledge.isForChoosing = true;
    learn(165);
    expect(samples()).toBe(164);
  });
});

describe('tasks and devices', () => {
  it('are numbered in the order in which they came up, and found again', () => {
    const other = { ...WORK, shape: 'graph' as const };
    const third = { ...WORK, operation: 'mine' };
    const tasks = [WORK, other, third].map((work) => knowledge.task(work));
    expect(tasks.map(({ number }) => number)).toEqual([0, 1, 2]);
    expect([WORK, other, third, other].map((work) => knowledge.task(work))).toEqual([...tasks, tasks[1]]);
    expect(knowledge.tasks).toHaveLength(3);
    expect(knowledge.device('b', 'gpu')).toBe(knowledge.device('b', 'gpu'));
    expect(knowledge.device('c', 'cpu').number).toBe(1);
  });

  it('have a line for each pair', () => {
    const other = { ...WORK, shape: 'graph' as const };
    expect(lineOf('a')).toBe(lineOf('a'));
    expect(new Set([lineOf('a'), lineOf('a', other), lineOf('b'), lineOf('b', other)]).size).toBe(4);
  });

  it('share what they know, whether they came up before or after', () => {
    const common = createSharedLearning();
    lineOf('early');
    knowledge.share(common.thread());
    lineOf('late');
    knowledge.device('gpu', 'gpu');
    expect(common.names().sort()).toEqual([
      'adaptive/cost/top-k/scan/early',
      'adaptive/cost/top-k/scan/late',
      'adaptive/speed/early',
      'adaptive/speed/gpu',
      'adaptive/speed/late',
      'adaptive/upload/gpu',
    ]);
  });
});
