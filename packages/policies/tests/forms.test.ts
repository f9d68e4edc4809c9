import { NO_DEVICE, type DecisionSlot, type DeviceView } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { Knowledge } from '../src/adaptive/knowledge.js';
import { TokenBucket } from '../src/adaptive/token-bucket.js';
import { adaptivePolicy } from '../src/index.js';
import { choose, CPU, createSharedLearning, GPU, sampleOf, scanOf, trueMs } from './policy-inputs.js';

/** With codes of the rows the CPU takes a sixth of the time. */
const CODED: DeviceView = { ...CPU, form: 'codes' };
const CODED_FACTOR = 1 / 6;
/** On the CPU: 0.2 ms without codes, 0.03 ms with them; on the GPU 0.03 ms for the least request. */
const ROWS = 700;
const WORK = scanOf(ROWS);

function msOf(view: DeviceView, work = WORK): number {
  return trueMs(view, work) * (view.form === undefined ? 1 : CODED_FACTOR);
}

/** Has each device run requests around this size, and the CPU in both forms. */
function taught() {
  const policy = adaptivePolicy({ explorationShare: 0, explorationStartMs: 0 });
  for (let round = 0; round < 10; round++) {
    for (const rows of [300, 500, ROWS, 1000]) {
      const work = scanOf(rows);
      for (const view of [CPU, CODED, GPU]) {
        policy.observe({ ...sampleOf(view, work, msOf(view, work)), form: view.form });
      }
    }
  }
  return policy;
}

describe('the adaptive policy', () => {
  it('expects of each form of an operand what that form took', () => {
    const policy = taught();
    for (const view of [CPU, CODED]) {
      expect(choose(policy, WORK, [view, GPU], { strict: true })).toMatchObject(
        view === CPU ? { id: 'cuda:0' } : { id: 'cpu', reason: 'predicted-faster' },
      );
      const alone = choose(policy, WORK, [view]);
      expect(alone.predictedMs / msOf(view)).toBeCloseTo(1, 1);
    }
  });

  it('shows the costs and the break-even of the form that the last request had', () => {
    const policy = taught();
    const forecast = () => policy.forecast?.('top-k')?.shapes[0];
    const msPerUnit = () => forecast()?.devices.find(({ id }) => id === 'cpu')?.msPerUnit ?? NaN;
    choose(policy, WORK, [CPU, GPU]);
    const plain = { msPerUnit: msPerUnit(), resident: forecast()?.breakEven.resident?.units ?? NaN };
    choose(policy, WORK, [CODED, GPU]);
    expect(msPerUnit() / plain.msPerUnit / CODED_FACTOR).toBeCloseTo(1, 1);
    expect(forecast()?.breakEven.resident?.units).toBeGreaterThan(2 * plain.resident);
    expect(forecast()?.devices).toHaveLength(2);
  });

  it('exports and imports what it knows of each form', () => {
    const policy = taught();
    const state = JSON.parse(JSON.stringify(policy.export())) as ReturnType<typeof policy.export>;
    const other = adaptivePolicy({ explorationShare: 0, explorationStartMs: 0 });
    expect(other.import(state).ok).toBe(true);
    for (const view of [CPU, CODED]) {
      expect(choose(other, WORK, [view]).predictedMs / msOf(view)).toBeCloseTo(1, 1);
    }
    const { devices } = other.export().learned as { devices: { id: string; costs: { form?: string }[] }[] };
    expect(devices.map(({ id, costs }) => [id, costs.map(({ form }) => form)])).toEqual([
      ['cpu', [undefined, 'codes']],
      ['cuda:0', [undefined]],
    ]);
  });

  it.each([
    ['', 'learned.devices[0].costs[1].form is not a name of 1 to 200 characters'],
    [7, 'learned.devices[0].costs[1].form is not a name of 1 to 200 characters'],
    ['x'.repeat(201), 'learned.devices[0].costs[1].form is not a name of 1 to 200 characters'],
    [undefined, "the line of 'top-k' for the shape 'scan' is listed twice"],
  ])('refuses a state with the form %j', (form, message) => {
    const state = JSON.parse(JSON.stringify(taught().export())) as {
      policy: string;
      version: number;
      learned: { devices: { id: string; costs: { form?: unknown }[] }[] };
    };
    const [cpu] = state.learned.devices;
    expect(cpu.costs.map((cost) => cost.form)).toEqual([undefined, 'codes']);
    cpu.costs[1].form = form;
    const answer = adaptivePolicy().import(state);
    expect(answer.ok ? '' : answer.error.message).toContain(message);
  });

  it('names the line of the form that is listed twice', () => {
    const state = JSON.parse(JSON.stringify(taught().export())) as {
      policy: string;
      version: number;
      learned: { devices: { costs: { form?: unknown }[] }[] };
    };
    state.learned.devices[0].costs[0].form = 'codes';
    const answer = adaptivePolicy().import(state);
    expect(answer.ok ? '' : answer.error.message).toContain("'scan' and the form 'codes' is listed twice");
  });
});

describe('what is known of a CPU that is alone', () => {
  const expectedMs = (knowledge: Knowledge, view: DeviceView): number => {
    const out: DecisionSlot = {
      device: NO_DEVICE,
      reason: 'forced',
      predictedMs: NaN,
      alternativeMs: NaN,
      keep: false,
    };
    knowledge.expectOnlyCpu(WORK, view, 0, out);
    return out.predictedMs;
  };

  it('learns each run of a new form until it knows that form, however well it knows another', () => {
    const knowledge = new Knowledge(new TokenBucket(0, 0, 0));
    for (let run = 0; run < 200; run++) knowledge.observe(sampleOf(CPU, WORK, msOf(CPU)));
    expect(expectedMs(knowledge, CODED)).toBeNaN();
    for (let run = 0; run < 6; run++) {
      knowledge.observe({ ...sampleOf(CODED, WORK, msOf(CODED)), form: 'codes' });
      knowledge.observe(sampleOf(CPU, WORK, msOf(CPU)));
    }
    expect(expectedMs(knowledge, CODED) / msOf(CODED)).toBeCloseTo(1, 1);
    expect(expectedMs(knowledge, CPU) / msOf(CPU)).toBeCloseTo(1, 1);
  });

  it('shares the lines of each form with other threads, under names of their own', () => {
    const learning = createSharedLearning();
    const [here, there] = [new Knowledge(new TokenBucket(0, 0, 0)), new Knowledge(new TokenBucket(0, 0, 0))];
    here.share(learning.thread());
    there.share(learning.thread());
    for (let run = 0; run < 20; run++) {
      for (const view of [CPU, CODED]) here.observe({ ...sampleOf(view, WORK, msOf(view)), form: view.form });
    }
    expect(learning.names()).toEqual(
      expect.arrayContaining(['adaptive/cost/top-k/scan/cpu', 'adaptive/cost/top-k/scan/codes/cpu']),
    );
    for (const view of [CPU, CODED]) {
      expectedMs(there, view);
      expect(expectedMs(there, view) / msOf(view)).toBeCloseTo(1, 1);
    }
  });
});
