import { cpus } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Backend, BackendDescription, DeviceKind, DispatchPolicy, PolicyState } from '@gearshift/contracts';
import {
  adaptivePolicy,
  exportCalibration,
  importCalibration,
  thresholdPolicy,
  type Calibration,
} from '../src/index.js';
import { CPU, GPU, teach } from './policy-inputs.js';

const DESCRIBED = { device: 'chip', driver: '550', version: '1.2.3', source: 'prebuilt', threads: 4 };

/** A backend as far as a calibration looks at it. */
function backendOf(id: string, kind: DeviceKind, described: Record<string, unknown> = {}): Backend {
  const description = { ...DESCRIBED, ...described } as unknown as BackendDescription;
  return { id, kind, describe: () => description } as Partial<Backend> as Backend;
}

const BACKENDS = [backendOf('cuda:0', 'gpu'), backendOf('cpu', 'cpu')];

function taught(): DispatchPolicy {
  const policy = adaptivePolicy({ explorationShare: 0, explorationStartMs: 0 });
  teach(policy, [GPU, CPU], 1, 2);
  return policy;
}

const fresh = (): DispatchPolicy => adaptivePolicy();
const devicesOf = (policy: DispatchPolicy): unknown =>
  (policy.export().learned['devices'] as { id: string }[]).map(({ id }) => id);

describe('an exported calibration', () => {
  it('describes the devices, with null for what they do not report', () => {
    const cpuModel = cpus()[0]?.model.trim();
    const backends = [
      backendOf('a', 'gpu', { level: 'avx2' }),
      backendOf('b', 'cpu', { driver: undefined, threads: undefined }),
    ];
    const policy = taught();
    expect(exportCalibration({ policy, backends })).toEqual({
      calibrationVersion: 1,
      devices: [
        { id: 'a', kind: 'gpu', device: 'chip', driver: '550', build: '1.2.3 prebuilt avx2', threads: 4, cpuModel },
        { id: 'b', kind: 'cpu', device: 'chip', driver: null, build: '1.2.3 prebuilt', threads: null, cpuModel },
      ],
      state: policy.export(),
    });
  });
});

describe('an imported calibration', () => {
  const calibration = JSON.parse(
    JSON.stringify(exportCalibration({ policy: taught(), backends: BACKENDS })),
  ) as Calibration;
  const changed = (change: object): Calibration => ({ ...calibration, ...change });

  it('is taken over where the devices are the same', () => {
    const policy = fresh();
    const imported = importCalibration({ policy, backends: BACKENDS }, calibration);
    expect(imported).toEqual({ ok: true, value: { taken: ['cuda:0', 'cpu'], refused: [] } });
    expect(devicesOf(policy)).toEqual(['cuda:0', 'cpu']);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ kind: 'remote' }, "its kind was 'gpu', is 'remote'"],
    [{ device: 'chip 2' }, "the device was 'chip', is 'chip 2'"],
    [{ driver: '551' }, "its driver was '550', is '551'"],
    [{ driver: undefined }, "its driver was '550', is 'unknown'"],
    [{ version: '2.0.0' }, "the build of its backend was '1.2.3 prebuilt', is '2.0.0 prebuilt'"],
    [{ level: 'sm_90' }, "the build of its backend was '1.2.3 prebuilt', is '1.2.3 prebuilt sm_90'"],
    [{ threads: 8 }, "its number of threads was '4', is '8'"],
    [{ threads: undefined }, "its number of threads was '4', is 'unknown'"],
  ])('leaves out a device with the change %j, and says so', ({ kind = 'gpu', ...described }, reason) => {
    const policy = fresh();
    const backends = [backendOf('cuda:0', kind as DeviceKind, described), BACKENDS[1]];
    const imported = importCalibration({ policy, backends }, calibration);
    expect(imported).toEqual({ ok: true, value: { taken: ['cpu'], refused: [{ device: 'cuda:0', reason }] } });
    expect(devicesOf(policy)).toEqual(['cpu']);
  });

  it('leaves out all devices where the CPU of the machine is another one', () => {
    const policy = fresh();
    const devices = calibration.devices.map((device) => ({ ...device, cpuModel: 'another' }));
    const imported = importCalibration({ policy, backends: BACKENDS }, changed({ devices }));
    expect(imported).toMatchObject({
      ok: true,
      value: { taken: [], refused: [{ device: 'cuda:0' }, { device: 'cpu' }] },
    });
    expect(JSON.stringify(imported)).toContain("the CPU model was 'another'");
    expect(devicesOf(policy)).toEqual([]);
  });

  it('leaves out a device that is not here', () => {
    const imported = importCalibration({ policy: fresh(), backends: [BACKENDS[1]] }, calibration);
    const refused = [{ device: 'cuda:0', reason: 'there is no such device' }];
    expect(imported).toEqual({ ok: true, value: { taken: ['cpu'], refused } });
  });

  it('leaves out a part of a device that it does not describe', () => {
    const policy = fresh();
    const devices = calibration.devices.filter(({ id }) => id === 'cpu');
    const imported = importCalibration({ policy, backends: BACKENDS }, changed({ devices }));
    const refused = [{ device: 'cuda:0', reason: 'nothing says what it was measured on' }];
    expect(imported).toEqual({ ok: true, value: { taken: ['cpu'], refused } });
    expect(devicesOf(policy)).toEqual(['cpu']);
  });

  it.each<[string, unknown, string, string]>([
    ['null', null, 'malformed', 'a calibration is an object'],
    ['text', 'calibration', 'malformed', 'a calibration is an object'],
    ['another version', changed({ calibrationVersion: 2 }), 'wrong-version', 'is of version 2, not of 1'],
    ['no list of devices', changed({ devices: {} }), 'malformed', 'it names no devices'],
    ['a device without an id', changed({ devices: [{ id: 7 }] }), 'malformed', 'it names no devices'],
    ['a device that is null', changed({ devices: [null] }), 'malformed', 'it names no devices'],
    ['no state', changed({ state: null }), 'malformed', 'it holds no state of a policy'],
    ['a state without anything learned', changed({ state: {} }), 'malformed', 'it holds no state of a policy'],
    ['the state of another policy', changed({ state: thresholdPolicy().export() }), 'wrong-policy', "'threshold'"],
  ])('is refused when it is %s', (_case, value, kind, message) => {
    const policy = fresh();
    const imported = importCalibration({ policy, backends: BACKENDS }, value as Calibration);
    expect(imported).toMatchObject({ ok: false, error: { kind } });
    expect(imported.ok ? '' : imported.error.message).toContain(message);
    expect(devicesOf(policy)).toEqual([]);
  });

  it('leaves malformed parts to the policy, which refuses them', () => {
    const state = { ...calibration.state, learned: { devices: [null] } };
    const imported = importCalibration({ policy: fresh(), backends: BACKENDS }, changed({ state }));
    expect(imported).toMatchObject({
      ok: false,
      error: { kind: 'malformed', message: 'learned.devices[0] is not an object' },
    });
  });

  describe('of a policy without parts of devices', () => {
    const importInto = (learned: PolicyState['learned'], backends: readonly Backend[]) => {
      const states: PolicyState[] = [];
      const policy = {
        ...thresholdPolicy(),
        import: (state: PolicyState) => (states.push(state), { ok: true, value: undefined }),
      };
      const state = { policy: 'own', version: 1, learned };
      return {
        imported: importCalibration({ policy: policy as DispatchPolicy, backends }, changed({ state })),
        states,
        state,
      };
    };

    it('is taken over as a whole where all devices are the same', () => {
      const { imported, states, state } = importInto({ figure: 1 }, BACKENDS);
      expect(imported.ok).toBe(true);
      expect(states).toEqual([state]);
    });

    it('is taken over where nothing was learned, whatever the devices are', () => {
      expect(importInto({}, []).imported).toMatchObject({ ok: true, value: { taken: [] } });
    });

    it('is refused where a device is not the same', () => {
      const { imported, states } = importInto({ figure: 1 }, [BACKENDS[1]]);
      const message = 'the state cannot be taken over in part, and cuda:0: there is no such device';
      expect(imported).toEqual({ ok: false, error: { kind: 'malformed', message } });
      expect(states).toEqual([]);
    });
  });
});
