import { describe, expect, it } from 'vitest';
import type { DispatchPolicy, PolicyState } from '@gearshift/contracts';
import { adaptivePolicy, thresholdPolicy } from '../src/index.js';
import { choose, CPU, GPU, sampleOf, scanOf, teach, trueMs, viewOf } from './policy-inputs.js';

const LARGE = scanOf(50_000);
const NO_EXPLORING = { explorationShare: 0, explorationStartMs: 0 };

function taught(): DispatchPolicy {
  const policy = adaptivePolicy(NO_EXPLORING);
  teach(policy, [GPU, CPU]);
  return policy;
}

function throughJson(state: PolicyState): PolicyState {
  return JSON.parse(JSON.stringify(state)) as PolicyState;
}

it('an imported state lets another process choose at once', () => {
  const fresh = adaptivePolicy(NO_EXPLORING);
  expect(fresh.import(throughJson(taught().export()))).toEqual({ ok: true, value: undefined });
  const { id, reason, predictedMs, alternativeMs } = choose(fresh, LARGE, [GPU, CPU]);
  expect([id, reason]).toEqual(['cuda:0', 'resident']);
  expect(predictedMs / trueMs(GPU, LARGE)).toBeCloseTo(1, 0);
  expect(alternativeMs / trueMs(CPU, LARGE)).toBeCloseTo(1, 0);
});

it('an import takes over what was learned about a remote device', () => {
  const remote = viewOf('worker:7', 'remote');
  const policy = adaptivePolicy(NO_EXPLORING);
  for (let i = 0; i < 5; i++) policy.observe(sampleOf(remote, LARGE, trueMs(remote, LARGE)));
  expect(adaptivePolicy().import(throughJson(policy.export()))).toEqual({ ok: true, value: undefined });
});

it('an imported state is outweighed by a few measurements', () => {
  const fresh = adaptivePolicy(NO_EXPLORING);
  expect(fresh.import(taught().export()).ok).toBe(true);
  for (let i = 0; i < 25; i++) fresh.observe(sampleOf(CPU, LARGE, trueMs(CPU, LARGE) / 2));
  expect(choose(fresh, LARGE, [GPU, CPU]).alternativeMs / (trueMs(CPU, LARGE) / 2)).toBeCloseTo(1, 0);
});

it('an import does not outweigh measurements, nor does importing it several times', () => {
  const policy = taught();
  const before = choose(policy, LARGE, [GPU, CPU]);
  const slow = adaptivePolicy(NO_EXPLORING);
  for (let i = 0; i < 30; i++) for (const view of [GPU, CPU]) slow.observe(sampleOf(view, LARGE, 1000));
  for (let i = 0; i < 5; i++) expect(policy.import(slow.export()).ok).toBe(true);
  const after = choose(policy, LARGE, [GPU, CPU]);
  expect(after.predictedMs).toBeCloseTo(before.predictedMs, 3);
  expect(after.alternativeMs).toBeCloseTo(before.alternativeMs, 3);

  const fresh = adaptivePolicy(NO_EXPLORING);
  for (let i = 0; i < 5; i++) expect(fresh.import(policy.export()).ok).toBe(true);
  const [{ devices }] = fresh.forecast?.('top-k')?.shapes ?? [];
  expect(devices.map(({ samples }) => samples)).toEqual([5, 5]);
});

it('an imported line is used only for the device it was learned on', () => {
  const fresh = adaptivePolicy(NO_EXPLORING);
  expect(fresh.import(taught().export()).ok).toBe(true);
  const other = { ...GPU, id: 'cuda:1' };
  expect(choose(fresh, LARGE, [other, CPU]).reason).toBe('calibrating');
});

it('an exported state is empty before anything was measured', () => {
  const state = adaptivePolicy().export();
  expect(state).toEqual({ policy: 'adaptive', version: 1, learned: { devices: [] } });
  expect(adaptivePolicy().import(state).ok).toBe(true);
});

describe('an import that is refused changes nothing:', () => {
  const state = throughJson(taught().export());
  type Edit = (state: ReturnType<typeof asRecord>) => unknown;
  const asRecord = (value: PolicyState) =>
    structuredClone(value) as unknown as {
      policy: unknown;
      version: unknown;
      learned: { devices: Record<string, unknown>[] & { costs: Record<string, unknown>[] }[] };
    };
  const firstLine: (edited: ReturnType<typeof asRecord>) => Record<string, unknown> = (edited) =>
    edited.learned.devices[0].costs[0]['line'] as Record<string, unknown>;

  it.each<[string, Edit, string]>([
    ['nothing at all', () => null, 'malformed'],
    ['a number', () => 7, 'malformed'],
    ['no policy', (edited) => ({ ...edited, policy: undefined }), 'malformed'],
    ['the state of another', () => thresholdPolicy().export(), 'wrong-policy'],
    ['another version', (edited) => ({ ...edited, version: 2 }), 'wrong-version'],
    ['nothing learned', (edited) => ({ ...edited, learned: null }), 'malformed'],
    ['devices that are not a list', (edited) => ({ ...edited, learned: { devices: 'cpu' } }), 'malformed'],
    ['a device that is null', (edited) => edited.learned.devices.push(null as never) && edited, 'malformed'],
    [
      'a device without a name',
      (edited) => Object.assign(edited.learned.devices[0], { id: '' }) && edited,
      'malformed',
    ],
    [
      'a device of an unknown kind',
      (edited) => Object.assign(edited.learned.devices[0], { kind: 'tpu' }) && edited,
      'malformed',
    ],
    [
      'a device without lines',
      (edited) => Object.assign(edited.learned.devices[0], { costs: {} }) && edited,
      'malformed',
    ],
    [
      'an unknown shape',
      (edited) => Object.assign(edited.learned.devices[0].costs[0], { shape: 'x' }) && edited,
      'malformed',
    ],
    [
      'negative work',
      (edited) => Object.assign(edited.learned.devices[0].costs[0], { flops: -1 }) && edited,
      'malformed',
    ],
    [
      'a sum that is not a number',
      (edited) => Object.assign(firstLine(edited), { s11: 'a lot' }) && edited,
      'malformed',
    ],
    ['a sum that JSON made null', (edited) => Object.assign(firstLine(edited), { s22: null }) && edited, 'malformed'],
    ['a negative sum', (edited) => Object.assign(firstLine(edited), { t1: -1 }) && edited, 'malformed'],
    [
      'sums that contradict each other',
      (edited) => Object.assign(firstLine(edited), { s12: 1e300 }) && edited,
      'malformed',
    ],
    ['no sample', (edited) => Object.assign(firstLine(edited), { samples: 0 }) && edited, 'malformed'],
    [
      'an empty bucket',
      (edited) => Object.assign(firstLine(edited), { buckets: [[0, 0, 0, 0]] }) && edited,
      'malformed',
    ],
    [
      'a bucket too many',
      (edited) => Object.assign(firstLine(edited), { buckets: [[80, 0, 1, 1]] }) && edited,
      'malformed',
    ],
    [
      'an infinite residual',
      (edited) => Object.assign(firstLine(edited), { buckets: [[0, Infinity, 1, 1]] }) && edited,
      'malformed',
    ],
  ])('%s', (_name, edit, kind) => {
    const fresh = adaptivePolicy();
    const outcome = fresh.import(edit(asRecord(state)) as PolicyState);
    expect(outcome).toMatchObject({ ok: false, error: { kind } });
    expect(fresh.export()).toEqual(adaptivePolicy().export());
  });
});
