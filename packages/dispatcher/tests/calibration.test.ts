import { cpus } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createMatrix, unwrap, type Backend, type BackendDescription, type DispatchPolicy } from '@gearshift/contracts';
import {
  exportCalibration,
  importCalibration,
  adaptivePolicy,
  pinnedPolicy,
  thresholdPolicy,
  type Calibration,
} from '@gearshift/policies';
import { createSimulatedDevice, createVirtualScheduler } from '@gearshift/testing/simulated-device';
import { inVirtualTime } from './placement-setup.js';

const matrix = createMatrix(new Float32Array(4000 * 4).fill(1), { dimensions: 4 });
const query = Float32Array.of(1, 0, 0, 0);
const requestOf = (rows: number) => ({ operation: 'top-k', query, matrix, k: 1, end: rows }) as const;
/** The GPU overtakes the CPU at about a hundred rows. */
const SIZES = [1, 5, 20, 50, 80, 130, 200, 500, 1000, 4000];

type Overrides = Partial<Record<'cpu' | 'gpu', Partial<BackendDescription>>>;

/** The same two devices, as a new process finds them. */
function machine(
  policy: DispatchPolicy = adaptivePolicy({ explorationShare: 0, explorationStartMs: 0 }),
  overrides: Overrides = {},
) {
  const scheduler = createVirtualScheduler();
  const deviceOf = (id: string, kind: 'cpu' | 'gpu', fixedMs: number, msPerRow: number): Backend => {
    const device = createSimulatedDevice({
      id,
      kind,
      scheduler,
      kernelMs: ({ rows }) => fixedMs + msPerRow * rows,
      ...(kind === 'gpu' ? { uploadMs: (bytes: number) => 0.01 + bytes * 1e-6 } : {}),
      answer: (_request, output) => {
        if ('count' in output) output.count = 1;
      },
    });
    device.placeResident(matrix);
    const described = {
      ...device.describe(),
      driver: '550.54',
      threads: kind === 'cpu' ? 4 : undefined,
      ...overrides[kind],
    };
    return { ...device, describe: () => described };
  };
  const backends = [deviceOf('gpu:0', 'gpu', 0.1, 1e-5), deviceOf('cpu', 'cpu', 0.002, 1e-3)];
  const dispatcher = inVirtualTime(backends, { policy }).dispatcher(scheduler);
  const run = (rows: number) => scheduler.run(async () => unwrap(await dispatcher.run(requestOf(rows))).decision);
  return { dispatcher, run, backends, scheduler };
}

type Machine = ReturnType<typeof machine>;

/** Has each device run requests of all sizes. */
async function teach({ dispatcher, run }: Machine): Promise<void> {
  const { policy } = dispatcher;
  for (const id of ['gpu:0', 'cpu']) {
    const pinned = { ...policy, decide: pinnedPolicy(id).decide };
    dispatcher.updateOptions({ policy: pinned });
    for (let i = 0; i < 6; i++) for (const rows of SIZES) await run(rows);
  }
  dispatcher.updateOptions({ policy });
}

const throughJson = (calibration: Calibration) => JSON.parse(JSON.stringify(calibration)) as Calibration;

async function choicesOf({ run }: Machine): Promise<string[]> {
  const choices: string[] = [];
  for (const rows of SIZES) {
    const decision = await run(rows);
    choices.push(`${rows}: ${decision?.backend} ${decision?.reason}`);
  }
  return choices;
}

const RIGHT = SIZES.map((rows) => `${rows}: ${rows > 100 ? 'gpu:0 resident' : 'cpu predicted-faster'}`);

async function taught(overrides?: Overrides): Promise<{ calibration: Calibration; choices: string[] }> {
  const teacher = machine(undefined, overrides);
  await teach(teacher);
  const calibration = throughJson(exportCalibration(teacher.dispatcher));
  return { calibration, choices: await choicesOf(teacher) };
}

describe('a calibration', () => {
  it('lets another process choose correctly from its first request', async () => {
    const { calibration, choices } = await taught();
    expect(choices).toEqual(RIGHT);
    const fresh = machine();
    expect(importCalibration(fresh.dispatcher, calibration)).toEqual({
      ok: true,
      value: { taken: ['gpu:0', 'cpu'], refused: [] },
    });
    expect(await choicesOf(fresh)).toEqual(RIGHT);
    // Without it, there is nothing to choose by.
    expect(await machine().run(1000)).toMatchObject({ reason: 'calibrating' });
  });

  it('names the devices, drivers and builds that it was measured on', async () => {
    const { dispatcher } = machine(undefined, { cpu: { level: 'avx2' } });
    const cpuModel = cpus()[0]?.model.trim();
    expect(exportCalibration(dispatcher)).toMatchObject({
      calibrationVersion: 1,
      devices: [
        {
          id: 'gpu:0',
          kind: 'gpu',
          device: 'simulated',
          driver: '550.54',
          build: '0.0.0 local',
          threads: null,
          cpuModel,
        },
        { id: 'cpu', kind: 'cpu', device: 'simulated', build: '0.0.0 local avx2', threads: 4, cpuModel },
      ],
      state: { policy: 'adaptive' },
    });
  });

  it('works as well after an import and a second export', async () => {
    const { calibration } = await taught();
    const [second, third] = [machine(), machine()];
    expect(importCalibration(second.dispatcher, calibration).ok).toBe(true);
    expect(importCalibration(third.dispatcher, throughJson(exportCalibration(second.dispatcher))).ok).toBe(true);
    expect(await choicesOf(third)).toEqual(RIGHT);
  });
});

describe('importCalibration on changed hardware', () => {
  it.each<[string, Overrides, string, RegExp]>([
    ['another GPU', { gpu: { device: 'H200' } }, 'gpu:0', /^the device was 'simulated', is 'H200'$/],
    ['another driver', { gpu: { driver: '560.28' } }, 'gpu:0', /^its driver was '550.54', is '560.28'$/],
    ['a driver without a version', { gpu: { driver: undefined } }, 'gpu:0', /is 'unknown'$/],
    [
      'another version of its backend',
      { gpu: { version: '0.1.0' } },
      'gpu:0',
      /^the build of its backend was .* is '0.1.0 local'$/,
    ],
    ['another build of its backend', { gpu: { source: 'prebuilt' } }, 'gpu:0', /is '0.0.0 prebuilt'$/],
    ['other instructions', { cpu: { level: 'avx512' } }, 'cpu', /is '0.0.0 local avx512'$/],
    ['another number of threads', { cpu: { threads: 8 } }, 'cpu', /^its number of threads was '4', is '8'$/],
  ])('refuses only the part of the changed device and says why: %s', async (_name, overrides, id, reason) => {
    const { calibration } = await taught();
    const fresh = machine(undefined, overrides);
    const imported = unwrap(importCalibration(fresh.dispatcher, calibration));
    expect(imported.taken).toEqual(['gpu:0', 'cpu'].filter((device) => device !== id));
    expect(imported.refused).toEqual([{ device: id, reason: expect.stringMatching(reason) as string }]);
    // The other part is there, so that the one which is not is the one to be found out.
    const devices = exportCalibration(fresh.dispatcher).state.learned['devices'] as { readonly id: string }[];
    expect(devices.map((device) => device.id)).toEqual(imported.taken);
  });

  it('refuses every part when the CPU model differs', async () => {
    const { calibration } = await taught();
    const devices = calibration.devices.map((device) => ({ ...device, cpuModel: 'Z80' }));
    const fresh = machine();
    const { taken, refused } = unwrap(importCalibration(fresh.dispatcher, { ...calibration, devices }));
    expect(taken).toEqual([]);
    expect(refused.map(({ reason }) => reason)).toEqual(
      Array(2).fill(expect.stringContaining("the CPU model was 'Z80'")),
    );
    expect(await fresh.run(1000)).toMatchObject({ reason: 'calibrating' });
  });

  it('refuses the part of a device that does not exist here', async () => {
    const { calibration } = await taught();
    const devices = calibration.devices.map((device) => (device.id === 'cpu' ? device : { ...device, id: 'gpu:7' }));
    const { taken, refused } = unwrap(importCalibration(machine().dispatcher, { ...calibration, devices }));
    expect(taken).toEqual(['cpu']);
    expect(refused).toContainEqual({ device: 'gpu:7', reason: 'there is no such device' });
  });

  it('refuses a part that does not say what it was measured on', async () => {
    const { calibration } = await taught();
    const devices = calibration.devices.filter(({ id }) => id === 'cpu');
    const { taken, refused } = unwrap(importCalibration(machine().dispatcher, { ...calibration, devices }));
    expect(taken).toEqual(['cpu']);
    expect(refused).toEqual([{ device: 'gpu:0', reason: 'nothing says what it was measured on' }]);
  });
});

describe('importCalibration of invalid input', () => {
  type Edit = (calibration: Calibration) => unknown;
  it.each<[string, Edit, string, RegExp]>([
    ['nothing', () => undefined, 'malformed', /object/],
    ['null', () => null, 'malformed', /object/],
    ['text', (calibration) => JSON.stringify(calibration), 'malformed', /object/],
    ['a list', (calibration) => [calibration], 'wrong-version', /version undefined/],
    ['an empty object', () => ({}), 'wrong-version', /version undefined, not of 1/],
    ['another version', (calibration) => ({ ...calibration, calibrationVersion: 2 }), 'wrong-version', /version 2/],
    ['no devices', (calibration) => ({ ...calibration, devices: undefined }), 'malformed', /devices/],
    ['devices that are none', (calibration) => ({ ...calibration, devices: [null] }), 'malformed', /devices/],
    ['devices without ids', (calibration) => ({ ...calibration, devices: [{ id: 7 }] }), 'malformed', /devices/],
    ['no state', (calibration) => ({ ...calibration, state: null }), 'malformed', /state/],
    ['a state of nothing', (calibration) => ({ ...calibration, state: { policy: 'adaptive' } }), 'malformed', /state/],
    [
      'the state of another policy',
      (calibration) => ({ ...calibration, state: { ...calibration.state, policy: 'threshold' } }),
      'wrong-policy',
      /threshold/,
    ],
    [
      'another version of the state',
      (calibration) => ({ ...calibration, state: { ...calibration.state, version: 99 } }),
      'wrong-version',
      /99/,
    ],
    [
      'parts that are none',
      (calibration) => ({ ...calibration, state: { ...calibration.state, learned: { devices: ['cpu'] } } }),
      'malformed',
      /./,
    ],
  ])('refuses %s with a typed error and changes nothing', async (_name, edit, kind, message) => {
    const { calibration } = await taught();
    const fresh = machine();
    const before = exportCalibration(fresh.dispatcher);
    const imported = importCalibration(fresh.dispatcher, edit(calibration) as Calibration);
    expect(imported).toMatchObject({ ok: false, error: { kind, message: expect.stringMatching(message) as string } });
    expect(exportCalibration(fresh.dispatcher)).toEqual(before);
  });

  it('lets a policy that learns nothing import its own calibration, and refuses that of another policy', async () => {
    const { calibration } = await taught();
    const { dispatcher } = machine(thresholdPolicy());
    expect(importCalibration(dispatcher, throughJson(exportCalibration(dispatcher)))).toMatchObject({ ok: true });
    expect(importCalibration(dispatcher, calibration)).toMatchObject({ ok: false, error: { kind: 'wrong-policy' } });
  });
});
