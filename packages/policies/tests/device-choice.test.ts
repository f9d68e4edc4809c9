import { describe, expect, it } from 'vitest';
import {
  NO_DEVICE,
  type DecisionContext,
  type DecisionSlot,
  type DeviceKind,
  type DeviceView,
  type Work,
} from '@gearshift/contracts';
import { NO_METRICS } from '@gearshift/tracker';
import { bucketAt, LINE, unitsOf, type CostLine } from '../src/adaptive/cost-line.js';
import { DeviceChoice } from '../src/adaptive/device-choice.js';
import { Knowledge } from '../src/adaptive/knowledge.js';
import { TokenBucket } from '../src/adaptive/token-bucket.js';
import { grown, opportunityLossMs } from '../src/adaptive/uncertainty.js';
import { createSharedLearning, scanOf, viewOf } from './policy-inputs.js';

const WORK = scanOf(1000);
const CPU = viewOf('cpu', 'cpu');
const GPU = viewOf('gpu', 'gpu');
const OTHER = viewOf('gpu:1', 'gpu');

/**
 * Devices with known times, so that every figure of a decision can be computed: runs of WORK take what `setRun` says, and
 * transfers take `1 ms + bytes / 1e6`.
 */
function known(times: Record<string, number>, { startMs = 0, tieShare = 0.05 } = {}) {
  const tokens = new TokenBucket(0, startMs, 1000);
  const knowledge = new Knowledge(tokens);
  const choice = new DeviceChoice(knowledge, tokens, tieShare);
  const lineOf = (id: string): CostLine => {
    const kind: DeviceKind = id.startsWith('cpu') ? 'cpu' : 'gpu';
    return knowledge.device(id, kind).line(knowledge.task(WORK), WORK, undefined);
  };
  const setRun = (id: string, ms: number): void => {
    Object.assign(lineOf(id), { fixedMs: ms, msPerUnit: 0, isKnown: true });
    Object.assign(knowledge.device(id, 'gpu').transfer, { fixedMs: 1, msPerUnit: 1e-6 });
  };
  for (const [id, ms] of Object.entries(times)) setRun(id, ms);
  const decide = (
    views: readonly DeviceView[],
    context: Partial<DecisionContext> = {},
    work: Work = WORK,
  ): DecisionSlot => {
    const out: DecisionSlot = {
      device: NO_DEVICE,
      reason: 'no-device',
      predictedMs: NaN,
      alternativeMs: NaN,
      keep: false,
    };
    const now = { snapshot: NO_METRICS, strict: false, nowMs: 0, remainingMs: Infinity, ...context };
    choice.decide(work, views, now, out);
    return out;
  };
  return { tokens, knowledge, lineOf, setRun, decide };
}

/** The view of a GPU that would have to be sent so many bytes besides the request's own. */
function cold(view: DeviceView, bytes: number, more: Partial<DeviceView> = {}): DeviceView {
  return { ...view, holdsOperand: false, bytesToUpload: WORK.requestBytes + bytes, bytesToKeep: Infinity, ...more };
}

describe('without a choice', () => {
  it('chooses none of no devices, and none where no device supports the request', () => {
    const { decide } = known({});
    expect(decide([])).toMatchObject({ device: NO_DEVICE, reason: 'no-device' });
    expect(decide([{ ...GPU, supported: false }])).toMatchObject({ device: NO_DEVICE, reason: 'unsupported' });
  });

  it('gives the reason for the only device that supports the request', () => {
    const { decide } = known({ cpu: 3, gpu: 4 });
    expect(decide([GPU])).toMatchObject({ device: 0, reason: 'forced', predictedMs: 4, alternativeMs: NaN });
    expect(decide([{ ...CPU, supported: false }, GPU])).toMatchObject({ device: 1, reason: 'forced' });
    expect(decide([{ ...GPU, supported: false }, CPU])).toMatchObject({
      device: 1,
      reason: 'unsupported',
      predictedMs: 3,
    });
    expect(decide([{ ...CPU, id: 'cpu:1', supported: false }, CPU])).toMatchObject({ device: 1, reason: 'no-device' });
  });
});

describe('the expected time', () => {
  it('is the wait, the upload and the run', () => {
    const { decide } = known({ cpu: 20, gpu: 4 });
    expect(decide([cold({ ...GPU, queueMs: 2 }, 3e6), CPU])).toMatchObject({
      device: 0,
      predictedMs: 2 + 4 + 4,
      alternativeMs: 20,
    });
  });

  it('has no upload for a CPU, for a GPU that holds the operand, or for the bytes of the request', () => {
    const { decide } = known({ cpu: 3, gpu: 4 });
    expect(decide([cold(CPU, 5e6), { ...GPU, bytesToUpload: 5e6 }])).toMatchObject({
      predictedMs: 3,
      alternativeMs: 4,
    });
    expect(decide([cold(GPU, 0), CPU])).toMatchObject({ predictedMs: 3, alternativeMs: 4 });
    expect(decide([cold(GPU, -10), CPU])).toMatchObject({ predictedMs: 3, alternativeMs: 4 });
  });

  it('has fixed costs once for each piece', () => {
    const { decide } = known({ cpu: 100, gpu: 4 });
    expect(decide([cold(GPU, 3e6, { chunks: 3 }), CPU]).predictedMs).toBeCloseTo(3 * 4 + 3 * (1 + 1), 9);
  });

  it('is that of a smaller run for each piece', () => {
    const { decide, lineOf } = known({ cpu: 100, gpu: 1 });
    lineOf('gpu').msPerUnit = 3 / unitsOf(WORK);
    expect(decide([{ ...GPU, chunks: 3 }, CPU]).predictedMs).toBeCloseTo(3 * (1 + 1), 9);
  });

  it('includes an upload that another thread has measured', () => {
    const common = createSharedLearning();
    const { knowledge, decide } = known({ cpu: 1000, gpu: 4 });
    knowledge.share(common.thread());
    const other = known({});
    other.knowledge.share(common.thread());
    for (let i = 0; i < 20; i++) other.knowledge.device('gpu', 'gpu').observeUpload(1e6, 50, 0, 0);
    decide([cold(GPU, 1e6), CPU], { nowMs: 1000 });
    expect(knowledge.device('gpu', 'gpu').uploadMs(1e6)).toBeCloseTo(50, 0);
  });

  it('is multiplied by the slowdown of the device, whole or in pieces', () => {
    const { decide, knowledge } = known({ cpu: 100, gpu: 4 });
    const { speed } = knowledge.device('gpu', 'gpu');
    for (let i = 0; i < 2; i++) speed.observe(Math.log(3), 0.7);
    const factor = 3 ** (2 / 3);
    expect(decide([GPU, CPU]).predictedMs).toBeCloseTo(4 * factor, 9);
    speed.sums.add(2, 1);
    speed.sums.isNew = true;
    speed.refresh(0, knowledge.decisions + 1);
    expect(decide([{ ...GPU, chunks: 2 }, CPU]).predictedMs).toBeCloseTo(2 * 4 * factor, 9);
  });
});

describe('among devices that are as fast', () => {
  it('prefers the one that holds the data, as long as it is at most 5 % slower', () => {
    const { decide, setRun } = known({ gpu: 10, 'gpu:1': 10.5 });
    expect(decide([cold(GPU, 0), OTHER]).device).toBe(1);
    expect(decide([OTHER, cold(GPU, 0)]).device).toBe(0);
    setRun('gpu:1', 10.51);
    expect(decide([cold(GPU, 0), OTHER]).device).toBe(0);
    expect(decide([OTHER, cold(GPU, 0)]).device).toBe(1);
  });

  it('gives the usual reason for it', () => {
    const { decide } = known({ gpu: 10, 'gpu:1': 10.4 });
    expect(decide([cold(GPU, 0), OTHER])).toMatchObject({ device: 1, reason: 'resident' });
    const equal = known({ gpu: 4, 'gpu:1': 5 });
    expect(equal.decide([{ ...GPU, queueMs: 1 }, OTHER])).toMatchObject({ device: 1, reason: 'resident' });
  });

  it('keeps the fastest where the other one lacks the data', () => {
    const { decide } = known({ gpu: 10, 'gpu:1': 10 });
    expect(decide([GPU, cold(OTHER, 0, { queueMs: 0 })]).device).toBe(0);
    expect(decide([{ ...GPU, queueMs: 0.1 }, cold(OTHER, 0)]).device).toBe(0);
  });

  it('prefers the one with the shorter queue where both or none hold the data', () => {
    const { decide } = known({ gpu: 10, 'gpu:1': 10.4 });
    expect(decide([{ ...GPU, queueMs: 0.2 }, OTHER]).device).toBe(1);
    expect(decide([cold({ ...GPU, queueMs: 0.2 }, 0), cold(OTHER, 0)]).device).toBe(1);
    expect(decide([GPU, OTHER]).device).toBe(0);
  });

  it('never prefers a device that it knows nothing about', () => {
    const { decide, lineOf } = known({ gpu: 10, 'gpu:1': 10 });
    lineOf('gpu:1').isKnown = false;
    expect(decide([cold(GPU, 0), OTHER]).device).toBe(0);
  });

  it('compares with the share that it was given', () => {
    const { decide } = known({ gpu: 10, 'gpu:1': 14 }, { tieShare: 0.5 });
    expect(decide([cold(GPU, 0), OTHER]).device).toBe(1);
  });
});

describe('the reason', () => {
  it('is the fastest device, or the data that it holds', () => {
    const { decide } = known({ cpu: 3, gpu: 4, 'gpu:1': 1 });
    expect(decide([GPU, CPU])).toMatchObject({
      device: 1,
      reason: 'predicted-faster',
      predictedMs: 3,
      alternativeMs: 4,
    });
    expect(decide([OTHER, CPU])).toMatchObject({ device: 0, reason: 'resident', predictedMs: 1, alternativeMs: 3 });
    expect(decide([cold(OTHER, 1), CPU])).toMatchObject({ device: 0, reason: 'predicted-faster' });
  });

  it('is the queue of a device that would be faster without it', () => {
    const { decide } = known({ cpu: 5, gpu: 4 });
    expect(decide([{ ...GPU, queueMs: 2 }, CPU])).toMatchObject({ device: 1, reason: 'queue', alternativeMs: 6 });
    expect(
      decide([
        { ...GPU, queueMs: 2 },
        { ...CPU, queueMs: 0.5 },
      ]),
    ).toMatchObject({ device: 1, reason: 'queue' });
    expect(
      decide([
        { ...GPU, queueMs: 9 },
        { ...CPU, queueMs: 1 },
      ]),
    ).toMatchObject({ device: 1, reason: 'queue' });
  });

  it('is not the queue of a device that would be slower without it as well', () => {
    const { decide } = known({ cpu: 3, gpu: 4 });
    expect(decide([{ ...GPU, queueMs: 2 }, CPU])).toMatchObject({ device: 1, reason: 'predicted-faster' });
    expect(decide([GPU, { ...CPU, queueMs: 0.5 }])).toMatchObject({ device: 1, reason: 'predicted-faster' });
  });

  it('is the memory of a device that would be faster in one piece', () => {
    const { decide } = known({ cpu: 5, gpu: 4 });
    expect(decide([{ ...GPU, chunks: 2 }, CPU])).toMatchObject({ device: 1, reason: 'memory', alternativeMs: 8 });
    expect(decide([{ ...GPU, chunks: 2, queueMs: 2 }, CPU])).toMatchObject({ device: 1, reason: 'predicted-faster' });
  });

  it('is the memory even where another device has a queue', () => {
    const { decide } = known({ cpu: 5, gpu: 4, 'gpu:1': 4 });
    expect(decide([{ ...GPU, queueMs: 2 }, { ...OTHER, chunks: 2 }, CPU])).toMatchObject({
      device: 2,
      reason: 'memory',
    });
  });
});

describe('a device without memory for even the smallest piece', () => {
  const FULL = { ...GPU, chunks: Infinity };

  it('leaves the request to the CPU, at any place in the list and whatever is known', () => {
    for (const { decide } of [known({ gpu: 1, cpu: 8 }), known({}), known({ gpu: 0, cpu: 8 })]) {
      expect(decide([FULL, CPU])).toMatchObject({ device: 1, reason: 'memory', alternativeMs: NaN, keep: false });
      expect(decide([CPU, FULL])).toMatchObject({ device: 0, reason: 'memory' });
      expect(decide([cold(FULL, 1000), CPU])).toMatchObject({ device: 1, reason: 'memory' });
    }
  });

  it('leaves the request to the fastest of the other devices', () => {
    const { decide } = known({ gpu: 1, cpu: 8, 'gpu:1': 2 });
    expect(decide([FULL, CPU, OTHER])).toMatchObject({ device: 2, predictedMs: 2, alternativeMs: 8 });
    expect(decide([FULL, { ...OTHER, chunks: Infinity }, CPU])).toMatchObject({ device: 2, reason: 'memory' });
    expect(decide([FULL, OTHER])).toMatchObject({ device: 1, reason: 'memory' });
  });

  it('is chosen without a prediction when it is the only one', () => {
    const { decide } = known({ gpu: 1 });
    const alone = { device: 0, reason: 'forced', predictedMs: NaN };
    expect(decide([FULL])).toMatchObject(alone);
    expect(decide([FULL, { ...CPU, supported: false }])).toMatchObject(alone);
  });
});

describe('an expectation that is not a number', () => {
  it('loses against any other, at any place in the list', () => {
    const { decide } = known({ gpu: 1, cpu: 8 });
    for (const queueMs of [NaN, undefined as unknown as number]) {
      const view = { ...GPU, queueMs };
      expect(decide([view, CPU])).toMatchObject({ device: 1, predictedMs: 8 });
      expect(decide([CPU, view])).toMatchObject({ device: 0, predictedMs: 8 });
      expect(decide([view, CPU], { remainingMs: 4 })).toMatchObject({ device: 1, predictedMs: 8 });
    }
    expect(decide([{ ...GPU, chunks: NaN }, CPU])).toMatchObject({ device: 0, predictedMs: 1 });
  });

  it('is not reported as a prediction, even if there is no other', () => {
    const { decide } = known({ gpu: 1, cpu: 8 });
    const nothing = decide([
      { ...GPU, queueMs: NaN },
      { ...CPU, queueMs: NaN },
    ]);
    expect(nothing).toMatchObject({ device: 0, predictedMs: NaN, alternativeMs: NaN, keep: false });
  });

  it('leaves accounts and regret as they are when the work has no numbers', () => {
    const { decide, lineOf } = known({ gpu: 1, cpu: 8 });
    for (let i = 0; i < 32; i++) {
      decide([cold(GPU, 1e6), CPU], {}, { ...WORK, expectedUses: NaN });
      decide([GPU, CPU], {}, { ...WORK, flops: NaN, bytes: NaN });
    }
    for (const id of ['gpu', 'cpu']) expect(lineOf(id).sums.total[LINE.regretMs]).toBeGreaterThanOrEqual(0);
    // The CPU loses 1 ms at each use, and sending the operand costs 1.001 ms.
    const other = known({ gpu: 1, cpu: 2 });
    const kept = [1, 2].map(
      () => other.decide([cold(GPU, 1e6, { bytesToKeep: 1000 }), CPU], {}, { ...WORK, expectedUses: NaN }).keep,
    );
    expect(kept).toEqual([false, true]);
  });
});

describe('the memory of a device', () => {
  it('is not the reason for choosing that device', () => {
    const { decide } = known({ cpu: 20, gpu: 4 });
    expect(decide([{ ...GPU, chunks: 2 }, CPU])).toMatchObject({ device: 0, reason: 'resident', predictedMs: 8 });
  });

  it('is not the reason where one piece would be no faster, its upload included', () => {
    const { decide } = known({ cpu: 5, gpu: 5 });
    expect(decide([{ ...GPU, chunks: 2 }, CPU])).toMatchObject({ device: 1, reason: 'predicted-faster' });
    const sending = known({ cpu: 5, gpu: 4 });
    expect(sending.decide([cold(GPU, 1e6, { chunks: 2 }), CPU])).toMatchObject({
      device: 1,
      reason: 'predicted-faster',
    });
  });
});

describe('the alternative', () => {
  it('is the fastest of the other devices', () => {
    const { decide } = known({ cpu: 7, gpu: 4, 'gpu:1': 5 });
    expect(decide([CPU, GPU, OTHER])).toMatchObject({ device: 1, alternativeMs: 5 });
    expect(decide([OTHER, GPU, CPU])).toMatchObject({ device: 1, alternativeMs: 5 });
  });

  it('is not expected to take any time while nothing is known about it', () => {
    const { decide, lineOf } = known({ cpu: 1, gpu: 4 });
    lineOf('gpu').isKnown = false;
    expect(decide([GPU, CPU])).toMatchObject({
      device: 1,
      reason: 'predicted-faster',
      predictedMs: 1,
      alternativeMs: NaN,
    });
  });
});

describe('calibrating', () => {
  it('chooses a device that it knows nothing about where its generic line is the fastest, and expects no time', () => {
    const { decide, lineOf } = known({ cpu: 3, gpu: 1 });
    lineOf('gpu').isKnown = false;
    expect(decide([GPU, CPU])).toMatchObject({ device: 0, reason: 'calibrating', predictedMs: NaN, alternativeMs: 3 });
  });

  it('pays no tokens for the device that it would choose anyway', () => {
    const { decide, lineOf, tokens } = known({ cpu: 3, gpu: 1 });
    lineOf('gpu').isKnown = false;
    tokens.tokensMs = 100;
    expect(decide([GPU, CPU])).toMatchObject({ device: 0, reason: 'calibrating', alternativeMs: 3 });
    expect(tokens.tokensMs).toBe(100);
  });

  it('tries a device that looks slower once the tokens pay for the difference', () => {
    const { decide, lineOf, tokens } = known({ cpu: 3, gpu: 5 });
    Object.assign(lineOf('gpu'), { isKnown: false, prior: { fixedMs: 5, msPerUnit: 0 } });
    tokens.tokensMs = 1.9;
    expect(decide([GPU, CPU])).toMatchObject({ device: 1, reason: 'predicted-faster' });
    tokens.tokensMs = 2;
    expect(decide([GPU, CPU])).toMatchObject({ device: 0, reason: 'calibrating', predictedMs: NaN, alternativeMs: 3 });
    expect(tokens.tokensMs).toBe(0);
  });

  it('hopes for the generic time where the one run that it has seen was slower', () => {
    const { decide, lineOf, tokens } = known({ cpu: 3, gpu: 500 });
    const units = unitsOf(WORK);
    Object.assign(lineOf('gpu'), { isKnown: false, prior: { fixedMs: 4, msPerUnit: 1 / units } });
    tokens.tokensMs = 4;
    expect(decide([{ ...GPU, queueMs: 1 }, CPU])).toMatchObject({ device: 0, reason: 'calibrating' });
    expect(tokens.tokensMs).toBeCloseTo(4 - (1 + 5 - 3), 9);
  });

  it.each([
    ['in strict mode', {}, { strict: true }],
    ['with a deadline', {}, { remainingMs: 1e9 }],
    ['on a blocked device', { blocked: true }, {}],
    ['on a device that needs pieces', { chunks: 2 }, {}],
  ])('spends no tokens %s', (_case, gpu, context) => {
    const { decide, lineOf, tokens } = known({ cpu: 3, gpu: 5 });
    lineOf('gpu').isKnown = false;
    tokens.tokensMs = 100;
    expect(decide([{ ...GPU, ...gpu }, CPU], context)).toMatchObject({ device: 1 });
    expect(tokens.tokensMs).toBe(100);
  });
});

describe('exploring', () => {
  /** The GPU takes 5 ms instead of 3, and with two standard deviations less. */
  function doubtful() {
    const setup = known({ cpu: 3, gpu: 5 }, { startMs: 16 });
    setup.knowledge.decisions = 10_000;
    return setup;
  }

  it('tries a device that may be faster, and pays for the difference', () => {
    const { decide, lineOf, tokens } = doubtful();
    expect(decide([GPU, CPU])).toMatchObject({ device: 0, reason: 'explore', predictedMs: 5, alternativeMs: 3 });
    expect(tokens.tokensMs).toBe(16 - 2);
    const line = lineOf('gpu');
    expect(line.exploredUpToMs).toBe(5);
    expect(line.sums.total[LINE.explorations]).toBe(1);
    expect(line.sums.total[LINE.regretMs]).toBe(2);
  });

  it('pays nothing for a device that is expected to be faster but was not chosen among equals', () => {
    const { decide, lineOf, tokens } = doubtful();
    Object.assign(lineOf('gpu'), { fixedMs: 2.9 });
    expect(decide([cold(GPU, 0), CPU])).toMatchObject({ device: 0, reason: 'explore' });
    expect(tokens.tokensMs).toBe(16);
    expect(lineOf('gpu').exploredUpToMs).toBe(3);
    expect(lineOf('gpu').sums.total[LINE.regretMs]).toBe(0);
  });

  it('needs eight times the tokens, or the eighth of those at the start', () => {
    const { decide, tokens } = doubtful();
    tokens.tokensMs = 2;
    expect(decide([GPU, CPU]).reason).toBe('explore');
    const poor = known({ cpu: 3, gpu: 5 }, { startMs: 15 });
    poor.knowledge.decisions = 10_000;
    expect(poor.decide([GPU, CPU]).reason).toBe('predicted-faster');
    poor.tokens.tokensMs = 16;
    expect(poor.decide([GPU, CPU]).reason).toBe('explore');
  });

  it('waits for 16 decisions after a run', () => {
    const { decide, knowledge, lineOf } = doubtful();
    lineOf('gpu').sums.lastRunAt = knowledge.decisions - 15;
    expect(decide([GPU, CPU]).reason).toBe('predicted-faster');
    expect(decide([GPU, CPU]).reason).toBe('explore');
  });

  it('only tries a device that could be faster at two standard deviations', () => {
    const { decide, knowledge, lineOf } = doubtful();
    const { speed } = knowledge.device('gpu', 'gpu');
    Object.assign(lineOf('gpu'), { variance: () => 0.01 });
    speed.sums.lastRunAt = knowledge.decisions + 1;
    Object.assign(lineOf('gpu'), { fixedMs: 3 * Math.exp(0.2) * 1.001 });
    expect(decide([GPU, CPU]).reason).toBe('predicted-faster');
    speed.sums.lastRunAt = knowledge.decisions + 1;
    Object.assign(lineOf('gpu'), { fixedMs: 3 * Math.exp(0.2) * 0.999 });
    expect(decide([GPU, CPU]).reason).toBe('explore');
  });

  it('counts the doubt about the upload, and the wait in full', () => {
    const { decide, knowledge, lineOf } = known({ cpu: 6, gpu: 2 }, { startMs: 100 });
    knowledge.decisions = 10_000;
    const { speed, transfer } = knowledge.device('gpu', 'gpu');
    Object.assign(lineOf('gpu'), { variance: () => 0.01 });
    Object.assign(transfer, { variance: () => 0.04 });
    // 2 ms of run and 4 ms of upload may be as short as this.
    const brightMs = 2 * Math.exp(-0.2) + 4 * Math.exp(-0.4);
    for (const [queueMs, reason] of [
      [6 - brightMs + 0.001, 'predicted-faster'],
      [6 - brightMs - 0.001, 'explore'],
    ] as const) {
      speed.sums.lastRunAt = transfer.sums.lastRunAt = knowledge.decisions + 1;
      expect(decide([cold({ ...GPU, queueMs }, 3e6), CPU]).reason).toBe(reason);
    }
  });

  it('tries the brightest of several', () => {
    const { decide, knowledge } = known({ cpu: 3, gpu: 5, 'gpu:1': 4 }, { startMs: 16 });
    knowledge.decisions = 10_000;
    expect(decide([GPU, OTHER, CPU])).toMatchObject({ device: 1, reason: 'explore' });
    const reversed = known({ cpu: 3, gpu: 5, 'gpu:1': 4 }, { startMs: 16 });
    reversed.knowledge.decisions = 10_000;
    expect(reversed.decide([OTHER, GPU, CPU])).toMatchObject({ device: 0, reason: 'explore' });
  });
});

describe('a deadline', () => {
  it('is met by the device that is surest to, where the fastest may miss it', () => {
    const { decide, knowledge, lineOf } = known({ cpu: 4, gpu: 3 });
    Object.assign(lineOf('cpu'), { noise: 0, variance: () => 0.01 });
    Object.assign(lineOf('gpu'), { noise: 0.09, variance: () => 0.16 });
    const darkMs = 1 + 3 * Math.exp(2 * 0.5);
    const views = [
      { ...GPU, queueMs: 1 },
      { ...CPU, queueMs: 0.5 },
    ];
    const at = (remainingMs: number): DecisionSlot => {
      for (const id of ['cpu', 'gpu']) knowledge.device(id, 'gpu').speed.sums.lastRunAt = knowledge.decisions + 1;
      return decide(views, { remainingMs });
    };
    expect(at(darkMs + 0.001)).toMatchObject({ device: 0, reason: 'resident' });
    expect(at(darkMs - 0.001)).toMatchObject({ device: 1, reason: 'deadline', predictedMs: 4.5, alternativeMs: 4 });
  });

  it('changes nothing where the choice just meets it, or where no other device is surer', () => {
    const certain = (times: Record<string, number>) => {
      const setup = known(times);
      for (const id of Object.keys(times)) {
        Object.assign(setup.lineOf(id), { noise: 0, variance: () => 0 });
        setup.knowledge.device(id, 'gpu').speed.sums.lastRunAt = 1;
      }
      return setup;
    };
    const meeting = certain({ gpu: 4.9, 'gpu:1': 5 });
    expect(meeting.decide([cold(GPU, 0), OTHER], { remainingMs: 5 })).toMatchObject({ device: 1, reason: 'resident' });
    const equal = certain({ gpu: 5, 'gpu:1': 5 });
    expect(equal.decide([GPU, OTHER], { remainingMs: 4 })).toMatchObject({ device: 0, reason: 'resident' });
  });

  it('changes nothing where the fastest is the surest as well', () => {
    const { decide } = known({ cpu: 4, gpu: 3 });
    expect(decide([GPU, CPU], { remainingMs: 0.1 })).toMatchObject({ device: 0, reason: 'resident' });
  });
});

describe('an operand that a device does not hold', () => {
  /** 10 ms on the CPU, 4 ms on the GPU, without any doubt. */
  function certain() {
    const setup = known({ cpu: 10, gpu: 4 });
    for (const id of ['cpu', 'gpu']) {
      Object.assign(setup.lineOf(id), { noise: 0, variance: () => 0 });
      setup.knowledge.device(id, 'gpu').speed.sums.lastRunAt = 1;
    }
    return setup;
  }

  const keepable = (bytes: number, bytesToKeep: number, more: Partial<DeviceView> = {}): DeviceView =>
    cold(GPU, bytes, { bytesToKeep, ...more });

  it('is sent once what was lost has reached the price', () => {
    // 10 ms on the CPU, 4 ms on the GPU, 16 ms to send it: worth it the third time.
    const { decide } = known({ cpu: 10, gpu: 4 });
    const views = [keepable(15e6, 15e6), CPU];
    expect(decide(views)).toMatchObject({ device: 1, reason: 'predicted-faster', keep: false, alternativeMs: 20 });
    expect(decide(views).keep).toBe(false);
    expect(decide(views)).toMatchObject({
      device: 0,
      reason: 'invest-upload',
      keep: true,
      predictedMs: 4 + 16,
      alternativeMs: 10,
    });
    expect(decide(views).keep).toBe(false);
  });

  it('is sent at once where the expected uses pay for it', () => {
    const views = [keepable(15e6, 15e6), CPU];
    const at = (expectedUses: number): boolean =>
      known({ cpu: 10, gpu: 4 }).decide(views, {}, { ...WORK, expectedUses }).keep;
    expect([0, 1, 2, 3, Infinity].map(at)).toEqual([false, false, false, true, true]);
  });

  it('has an account of its own for each device, operand and version', () => {
    const { decide } = known({ cpu: 10, gpu: 4, 'gpu:1': 5 });
    const views = [keepable(15e6, 15e6), CPU];
    const keepOf = (view: DeviceView, work: Partial<Work> = {}): boolean =>
      decide([view, CPU], {}, { ...WORK, ...work }).keep;
    expect([decide(views).keep, decide(views).keep]).toEqual([false, false]);
    expect(keepOf(views[0], { operandId: 2 })).toBe(false);
    expect(keepOf(views[0], { operandVersion: 1 })).toBe(false);
    expect(keepOf({ ...views[0], id: 'gpu:1' })).toBe(false);
    expect(keepOf(views[0])).toBe(true);
  });

  it('is kept by the chosen device where that costs at most a tenth more than what is sent anyway', () => {
    const { decide } = known({ cpu: 100, gpu: 4 });
    // 10 ms to send the rows that are needed.
    expect(decide([keepable(9e6, 9.99e6), CPU])).toMatchObject({
      device: 0,
      reason: 'predicted-faster',
      keep: true,
      predictedMs: 4 + 10.99,
      alternativeMs: 100,
    });
    expect(decide([keepable(9e6, 10.01e6), CPU])).toMatchObject({ device: 0, keep: false, predictedMs: 14 });
  });

  it.each([
    ['is held already', { holdsOperand: true }, {}],
    ['cannot stay', { bytesToKeep: Infinity }, {}],
    ['has no bytes to keep', { bytesToKeep: 0 }, {}],
    ['would go to a blocked device', { blocked: true }, {}],
    ['does not fit in one piece', { chunks: 2 }, {}],
    ['would arrive after the deadline', {}, { remainingMs: 19.99 }],
  ])('is not sent where it %s', (_case, gpu, context) => {
    const { decide } = certain();
    const work = { ...WORK, expectedUses: 1000 };
    expect(decide([keepable(15e6, 15e6, gpu), CPU], context, work).keep).toBe(false);
  });

  it('is not sent where it cannot stay, even for endless uses', () => {
    const work = { ...WORK, expectedUses: Infinity };
    expect(certain().decide([keepable(15e6, Infinity), CPU], {}, work).keep).toBe(false);
  });

  it('loses nothing while the device would be slower even with it', () => {
    const { decide, setRun } = known({ cpu: 10, gpu: 12 });
    const keep = (): boolean => decide([keepable(15e6, 15e6), CPU]).keep;
    for (let i = 0; i < 3; i++) expect(keep()).toBe(false);
    setRun('gpu', 4);
    expect([keep(), keep(), keep()]).toEqual([false, false, true]);
  });

  it('is an investment where another device would be chosen without it', () => {
    const { decide } = known({ cpu: 100, gpu: 4 });
    expect(decide([keepable(200e6, 15e6), CPU])).toMatchObject({ device: 0, reason: 'invest-upload', keep: true });
  });

  it('is sent where it arrives just at the deadline', () => {
    const { decide } = certain();
    const work = { ...WORK, expectedUses: 1000 };
    expect(decide([keepable(15e6, 15e6), CPU], { remainingMs: 20 }, work)).toMatchObject({ keep: true });
  });

  it('is not sent to a device that would be no faster with it, or that nothing is known about', () => {
    const work = { ...WORK, expectedUses: Infinity };
    const equal = known({ cpu: 4, gpu: 4 });
    expect(equal.decide([keepable(15e6, 15e6), CPU], {}, work).keep).toBe(false);
    const unknown = known({ cpu: 10, gpu: 4 });
    unknown.lineOf('gpu').isKnown = false;
    expect(unknown.decide([keepable(15e6, 15e6), CPU], {}, work).keep).toBe(false);
  });
});

describe('the regret', () => {
  function regretAfter(decisions: number, times: Record<string, number>, gpu: Partial<DeviceView> = {}) {
    const { decide, knowledge, lineOf } = known(times);
    knowledge.decisions = 1000;
    for (let i = 0; i < decisions; i++) decide([{ ...GPU, ...gpu }, CPU]);
    return { knowledge, lineOf, regretMs: lineOf('gpu').sums.total[LINE.regretMs] };
  }

  it('is estimated at each eighth decision, for eight of them', () => {
    expect(regretAfter(7, { cpu: 9, gpu: 5 }).regretMs).toBe(0);
    const { knowledge, lineOf, regretMs } = regretAfter(8, { cpu: 9, gpu: 5 });
    const bucket = bucketAt(unitsOf(WORK));
    const doubt = (id: string): number => grown(lineOf(id).variance(unitsOf(WORK), bucket), knowledge.decisions);
    expect(regretMs).toBeCloseTo(8 * opportunityLossMs(5, 9, Math.hypot(doubt('gpu'), doubt('cpu'))), 12);
    expect(regretMs).toBeGreaterThan(0);
  });

  it('includes the doubt about the speed of a device', () => {
    const { decide, knowledge, lineOf } = known({ cpu: 9, gpu: 2 });
    const { speed } = knowledge.device('gpu', 'gpu');
    for (let i = 0; i < 2; i++) speed.observe(1.5, 0.7);
    knowledge.decisions = 7;
    decide([GPU, CPU]);
    expect(speed.variance).toBeCloseTo(0.25, 12);
    const gpuDoubt = grown(lineOf('gpu').variance(unitsOf(WORK)) + 0.25, 0);
    const cpuDoubt = grown(lineOf('cpu').variance(unitsOf(WORK)), 8);
    const lossMs = opportunityLossMs(2 * Math.E, 9, Math.hypot(gpuDoubt, cpuDoubt));
    expect(lineOf('gpu').sums.total[LINE.regretMs]).toBeCloseTo(8 * lossMs, 9);
  });

  it('is nothing where the other device is more than 16 times slower, or the chosen one is blocked', () => {
    expect(regretAfter(8, { cpu: 80, gpu: 5 }).regretMs).toBeGreaterThan(0);
    expect(regretAfter(8, { cpu: 80.01, gpu: 5 }).regretMs).toBe(0);
    expect(regretAfter(8, { cpu: 9, gpu: 5 }, { blocked: true }).regretMs).toBe(0);
  });
});

it('remembers the size of the last request that it decided', () => {
  const { decide, knowledge } = known({ cpu: 3, gpu: 4 });
  const work = { ...WORK, batchSize: 7, flops: 11, bytes: 13, rangeBytes: 17 };
  decide([GPU, CPU], {}, work);
  expect(knowledge.task(WORK)).toMatchObject({ batchSize: 7, flops: 11, bytes: 13, rangeBytes: 17 });
  expect([knowledge.decisions, knowledge.isForChoosing]).toEqual([1, true]);
});
