import { describe, expect, it } from 'vitest';
import type { PolicyState } from '@gearshift/contracts';
import { adaptivePolicy } from '../src/index.js';
import { CPU, sampleOf, scanOf } from './policy-inputs.js';

type Line = Record<string, unknown>;
type Refusal = [title: string, devices: unknown, message: string];

function lineWith(change: Line = {}): Line {
  const figures = { s11: 4, s12: 1, s22: 1, t1: 3, t2: 1, weight: 4, squaredErrors: 0.5, errorWeight: 4, samples: 4 };
  return { ...figures, buckets: [[3, -0.5, 0.5, 2]], ...change };
}

function deviceWith(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { id: 'cuda:0', kind: 'gpu', transfer: null, costs: [costWith()], ...change };
}

function costWith(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { operation: 'top-k', shape: 'scan', flops: 1e6, bytes: 2e6, line: lineWith(), ...change };
}

function stateOf(devices: unknown): PolicyState {
  return { policy: 'adaptive', version: 1, learned: { devices } };
}

function imported(devices: unknown) {
  const policy = adaptivePolicy();
  const result = policy.import(stateOf(devices));
  return { policy, error: result.ok ? undefined : result.error };
}

describe('an imported line', () => {
  const exportedLine = (line: Line): unknown => {
    const { policy, error } = imported([deviceWith({ transfer: line, costs: [costWith({ line })] })]);
    expect(error).toBeUndefined();
    const [{ transfer, costs }] = policy.export().learned['devices'] as { transfer: Line; costs: { line: Line }[] }[];
    expect(costs[0].line).toEqual(transfer);
    return transfer;
  };

  it('is taken over as it is where it weighs less than five samples', () => {
    expect(exportedLine(lineWith())).toEqual(lineWith());
  });

  it('is taken over with the weight of five samples, its buckets with that of one', () => {
    const line = lineWith({
      weight: 20,
      errorWeight: 10,
      samples: 70,
      buckets: [
        [0, 6, 4, 9],
        [79, 3, 2, 1],
      ],
    });
    expect(exportedLine(line)).toEqual({
      s11: 1,
      s12: 0.25,
      s22: 0.25,
      t1: 0.75,
      t2: 0.25,
      weight: 5,
      squaredErrors: 0.25,
      errorWeight: 5,
      samples: 5,
      buckets: [
        [0, 1.5, 1, 5],
        [79, 1.5, 1, 1],
      ],
    });
  });

  it('may have no errors and no buckets', () => {
    const line = lineWith({ squaredErrors: 0, errorWeight: 0, buckets: [] });
    expect(exportedLine(line)).toEqual(line);
  });

  it('is added to less than five samples, and left out where there are more', () => {
    const samplesAfter = (runs: number): number | undefined => {
      const policy = adaptivePolicy();
      const work = scanOf(100);
      for (let i = 0; i < runs; i++) policy.observe(sampleOf(CPU, work, 1));
      const cpu = deviceWith({ id: 'cpu', kind: 'cpu' });
      expect(policy.import(stateOf([cpu])).ok).toBe(true);
      return policy.forecast?.('top-k')?.shapes[0].devices[0].samples;
    };
    expect(samplesAfter(1)).toBe(4);
    expect(samplesAfter(4)).toBe(3 + 4);
    expect(samplesAfter(30)).toBe(29);
  });

  it('changes what is expected at once', () => {
    const { policy } = imported([deviceWith()]);
    const [shape] = policy.forecast?.('top-k')?.shapes ?? [];
    expect(shape).toMatchObject({ shape: 'scan', unit: 'flop', devices: [{ id: 'cuda:0', kind: 'gpu', samples: 4 }] });
  });
});

describe('a state is accepted', () => {
  const name = 'n'.repeat(200);
  it.each<[string, unknown[]]>([
    ['without devices', []],
    ['with 64 devices', Array.from({ length: 64 }, (_, i) => deviceWith({ id: `gpu:${i}` }))],
    [
      'with 256 lines',
      [deviceWith({ costs: Array.from({ length: 256 }, (_, i) => costWith({ operation: `op${i}` })) })],
    ],
    ['with names of 200 characters', [deviceWith({ id: name, costs: [costWith({ operation: name })] })]],
    ['with no work at all', [deviceWith({ costs: [costWith({ flops: 0, bytes: 0 })] })]],
    ['with sums of a single size', [deviceWith({ transfer: lineWith({ s11: 4, s12: 2, s22: 1 }) })]],
    ['with one sample', [deviceWith({ transfer: lineWith({ samples: 1 }) })]],
    ['with zeros where they are possible', [deviceWith({ transfer: lineWith({ s12: 0, t2: 0, squaredErrors: 0 }) })]],
    [
      'with 80 buckets',
      [deviceWith({ transfer: lineWith({ buckets: Array.from({ length: 80 }, (_, i) => [i, 0, 1, 1]) }) })],
    ],
    [
      'with the largest residuals',
      [
        deviceWith({
          transfer: lineWith({
            buckets: [
              [0, -2, 1, 1],
              [1, 4, 2, 1],
            ],
          }),
        }),
      ],
    ],
  ])('%s', (_case, devices) => {
    expect(imported(devices).error).toBeUndefined();
  });
});

describe('a state is refused', () => {
  const name = 'n'.repeat(201);
  const TRANSFER = 'learned.devices[0].transfer';
  const lineFlaw = (place: string, more = ''): string => `${TRANSFER}.${place}: expected ${more}`;
  const transfer = (change: Line): unknown[] => [deviceWith({ transfer: lineWith(change) })];
  const noCost = (change: Record<string, unknown>): unknown[] => [
    deviceWith({ costs: [costWith(), costWith(change)] }),
  ];
  const COST = 'learned.devices[0].costs[1]';
  const wrongCost = `${COST} is not the line of an operation`;
  it.each<Refusal>([
    ['without a list of devices', {}, 'learned.devices is not a list of at most 64 devices'],
    [
      'with 65 devices',
      Array.from({ length: 65 }, () => deviceWith()),
      'learned.devices is not a list of at most 64 devices',
    ],
    ['with a device that is text', [deviceWith(), 'gpu'], 'learned.devices[1] is not an object'],
    ['with an empty id', [deviceWith({ id: '' })], 'learned.devices[0].id is not a name of 1 to 200 characters'],
    ['with a number as id', [deviceWith({ id: 7 })], 'learned.devices[0].id is not a name of 1 to 200 characters'],
    [
      'with an id of 201 characters',
      [deviceWith({ id: name })],
      'learned.devices[0].id is not a name of 1 to 200 characters',
    ],
    ['with another kind', [deviceWith({ kind: 'tpu' })], 'learned.devices[0].kind is not one of cpu, gpu, remote'],
    ['without a transfer', [deviceWith({ transfer: undefined })], `${TRANSFER}: expected a line, got undefined`],
    ['with a number as transfer', [deviceWith({ transfer: 7 })], `${TRANSFER}: expected a line, got 7`],
    ['without lines', [deviceWith({ costs: null })], 'learned.devices[0].costs is not a list of at most 256 lines'],
    [
      'with 257 lines',
      [deviceWith({ costs: Array.from({ length: 257 }, () => costWith()) })],
      'learned.devices[0].costs is not a list of at most 256 lines',
    ],
    ['with a line that is null', [deviceWith({ costs: [costWith(), null] })], wrongCost],
    ['with an empty operation', noCost({ operation: '' }), `${COST}.operation is not a name of 1 to 200 characters`],
    [
      'with an operation of 201 characters',
      noCost({ operation: name }),
      `${COST}.operation is not a name of 1 to 200 characters`,
    ],
    ['with another shape', noCost({ shape: 'scans' }), `${COST}.shape is not one of scan`],
    ['with negative operations', noCost({ flops: -1 }), `${COST}.flops: expected a number from 1 to 1e+24, got -1`],
    [
      'with endless operations',
      noCost({ flops: Infinity }),
      `${COST}.flops: expected a number from 1 to 1e+24, got Infinity`,
    ],
    ['with bytes as text', noCost({ bytes: '1' }), `${COST}.bytes: expected a number from 1 to 1e+24, got '1'`],
    ['with a cost without a line', noCost({ line: null }), `${COST}.line: expected a line, got null`],
    ...['s11', 's22', 't1', 'weight'].map((figure): Refusal => [
      `with ${figure} of 0`,
      transfer({ [figure]: 0, s12: 0 }),
      lineFlaw(figure),
    ]),
    ...['s11', 's12', 's22', 't1', 't2', 'weight', 'squaredErrors', 'errorWeight', 'samples'].flatMap(
      (figure): Refusal[] => [
        [`with a negative ${figure}`, transfer({ [figure]: -1 }), lineFlaw(figure, 'a number from ')],
        [`with a ${figure} that is not a number`, transfer({ [figure]: NaN }), lineFlaw(figure, 'a number from ')],
      ],
    ),
    ['with less than one sample', transfer({ samples: 0.99 }), lineFlaw('samples')],
    [
      'with sums that contradict each other',
      transfer({ s12: 2.001 }),
      lineFlaw('s12', 'at most the root of s11 * s22'),
    ],
    ['with errors of no weight', transfer({ errorWeight: 0 }), lineFlaw('squaredErrors', 'at most errorWeight, 0')],
    ['with buckets that are not a list', transfer({ buckets: {} }), lineFlaw('buckets')],
    ['with 81 buckets', transfer({ buckets: Array.from({ length: 81 }, () => [0, 0, 1, 1]) }), lineFlaw('buckets')],
    ...['s11', 's12', 's22', 't1', 't2', 'weight', 'squaredErrors', 'errorWeight', 'samples'].flatMap(
      (figure): Refusal[] => [
        [`with a ${figure} that no measurement gives`, transfer({ [figure]: 1e300 }), lineFlaw(figure)],
        [`with a ${figure} as text`, transfer({ [figure]: '1' }), lineFlaw(figure, 'a number from ')],
      ],
    ),
    ...['s11', 's22', 't1', 'weight', 'samples'].map((figure): Refusal => [
      `with a ${figure} of 1e-320`,
      transfer({ [figure]: 1e-320, s12: 0 }),
      lineFlaw(figure, 'a number from '),
    ]),
    ['with a weight of 1e-320', noCost({ line: lineWith({ weight: 1e-320 }) }), `${COST}.line.weight: expected`],
    ['with work of 1e-320', noCost({ flops: 1e-320 }), `${COST}.flops: expected a number from 1 to 1e+24, got 1e-320`],
    [
      'with a line that is expected to take no time',
      noCost({ line: lineWith({ s11: 1e15, s12: 0, s22: 1e60, t1: 1e-14, t2: 0 }) }),
      `${COST}.line: the time of 1000000 units of work: expected a number from 1e-9 to 1000000000000, got `,
    ],
    [
      'with a line that is expected to take ages',
      noCost({ line: lineWith({ s11: 1e-29, s12: 0, s22: 1e-29, t1: 1e10, t2: 1e10 }) }),
      `${COST}.line: the time of 1000000 units of work: expected`,
    ],
    [
      'with a device that is listed twice',
      [deviceWith(), deviceWith()],
      "learned.devices[1].id: 'cuda:0' is listed twice",
    ],
    [
      'with a line that is listed twice',
      noCost({ flops: 7 }),
      `${COST}: the line of 'top-k' for the shape 'scan' is listed twice`,
    ],
    ['without a weight', transfer({ weight: undefined }), lineFlaw('weight')],
    ...[
      null,
      { length: 4 },
      [0, 0, 1],
      [0, 0, 1, 1, 1],
      [-1, 0, 1, 1],
      [0.5, 0, 1, 1],
      [80, 0, 1, 1],
      ['0', 0, 1, 1],
      [0, '0', 1, 1],
      [0, NaN, 1, 1],
      [0, Infinity, 1e306, 1],
      [0, 1001, 1, 1],
      [0, -1001, 1, 1],
      [0, 0, 0, 1],
      [0, 0, -1, 1],
      [0, 0, Infinity, 1],
      [0, 0, 1, 0],
      [0, 0, 1, -1],
      [0, 0, 1, Infinity],
      [0, 2.001, 1, 1],
      [0, 0, 1e-320, 1],
      [0, 0, 1e7, 1],
    ].map((bucket): Refusal => [
      `with the bucket ${String(JSON.stringify(bucket))}`,
      transfer({ buckets: [bucket] }),
      `${TRANSFER}.buckets[0]`,
    ]),
    [
      'with a bucket that is listed twice',
      transfer({
        buckets: [
          [3, 0, 1, 1],
          [3, 0, 1, 1],
        ],
      }),
      lineFlaw('buckets[1][0]', 'the number of a bucket from 4 to 79, got 3'),
    ],
  ])('%s', (_case, devices, message) => {
    const { policy, error } = imported(devices);
    expect(error?.kind).toBe('malformed');
    // Messages about numbers go on with the range and the given value.
    expect(error?.message.slice(0, message.length)).toBe(message);
    expect(policy.export().learned).toEqual({ devices: [] });
  });

  it.each<[string, unknown, string, string]>([
    ['without a policy', { version: 1, learned: { devices: [] } }, 'malformed', 'the state names no policy'],
    [
      'of another policy',
      { ...stateOf([]), policy: 'own' },
      'wrong-policy',
      "the state is of the policy 'own', not of 'adaptive'",
    ],
    ['of another version', { ...stateOf([]), version: 0 }, 'wrong-version', 'the state is of version 0, not of 1'],
    [
      'that has learned nothing',
      { ...stateOf([]), learned: 'x' },
      'malformed',
      'learned.devices is not a list of at most 64 devices',
    ],
  ])('%s', (_case, state, kind, message) => {
    expect(adaptivePolicy().import(state as PolicyState)).toEqual({ ok: false, error: { kind, message } });
  });
});

it('exports a device as soon as a run or a transfer was fitted, and only lines with samples', () => {
  const policy = adaptivePolicy();
  const devicesOf = (): { id: string; transfer: unknown; costs: unknown[] }[] =>
    policy.export().learned['devices'] as never;
  policy.observe(sampleOf(CPU, scanOf(100), 1));
  policy.observe(sampleOf(CPU, scanOf(100, { queries: 8 }), 1));
  expect(devicesOf()).toEqual([]);
  policy.observe(sampleOf(CPU, scanOf(100, { queries: 8 }), 1));
  expect(devicesOf()).toMatchObject([{ id: 'cpu', kind: 'cpu', transfer: null, costs: [{ shape: 'many-queries' }] }]);
  const upload = { deviceId: 'cpu', operandId: 1, bytes: 1e6, latencyMs: 1, nowMs: 0 };
  for (let i = 0; i < 2; i++) policy.observeUpload?.(upload);
  expect(devicesOf()[0].transfer).toMatchObject({ samples: 1 });
  const other = adaptivePolicy();
  other.observe({ ...sampleOf(CPU, scanOf(100), 1) });
  for (let i = 0; i < 2; i++) other.observeUpload?.(upload);
  expect(other.export().learned['devices']).toMatchObject([{ id: 'cpu', transfer: { samples: 1 }, costs: [] }]);
});
