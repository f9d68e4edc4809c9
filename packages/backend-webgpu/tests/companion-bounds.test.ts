import { createMatrix, METRICS, unwrap, type Metric } from '@gearshift/contracts';
import { BackendFailures } from '@gearshift/native-kit';
import { randomValues } from '@gearshift/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GpuDevice } from '../src/device/gpu-device.js';
import { openDevice } from '../src/device/open-device.js';
import { DEVICE_COMPANIONS, type DeviceCompanion } from '../src/kernels/companion-code.js';
import { scoreOfKey } from '../src/kernels/ordered-keys.js';
import { deviceQueries } from '../src/operations/device-queries.js';
import { DeviceScan } from '../src/operations/device-scan.js';
import { itemsOf } from '../src/operations/selection.js';
import { recordBounds, survivorKernels } from '../src/operations/survivors.js';
import { MatrixCopy } from '../src/residency/matrix-copy.js';
import { SETS } from './companion-sets.js';
import { DEVICE_WISHES, softwareGpu } from './software-gpu.js';

const { title, isLacking, faults } = softwareGpu('swiftshader');
const ROWS = 1024;
const DIMENSIONS = 300;
const failures = new BackendFailures('webgpu:0');

const newTimes = () => ({ kernelMs: 0, compileMs: 0 });

type Change = readonly [part: string, instead: string];

/** Changes of the kernels by which a bound lacks one of its terms, and a set of rows that shows it. */
const DEFECTS: Readonly<Record<string, readonly [Change, set: string]>> = {
  'what a code leaves of its row': [['residual * p.residual_factor + norm', 'norm'], 'clustered'],
  'the roundings of the sums': [[' + norm * p.rounding_factor', ''], 'codes without a rest'],
  'the roundings of a distance': [[' + squares * p.distance_factor', ''], 'very different norms'],
  'the length of the query': [['query.x * scale.y', 'scale.y'], 'random'],
};
/** The sums of float16 round as those of a scan do: these drivers give both the same order, and the scale is a power of two. */
const UNSEEN = 'float16 the roundings of the sums';
/** The kernel gives the lower bounds instead. */
const LOWER: Change = ['select(0u, key_of(bound.y)', 'select(0u, key_of(bound.x)'];

describe.skipIf(isLacking)(`bounds of scores, on ${title}`, () => {
  let gpu: GpuDevice;
  let plainKernel: GpuDevice['kernel'];

  beforeAll(async () => {
    gpu = unwrap(await openDevice(DEVICE_WISHES, failures)).gpu;
    plainKernel = gpu.kernel.bind(gpu);
  });
  afterAll(() => {
    gpu?.destroy();
    faults.close();
  });

  /** All kernels that contain the part have something else there. */
  function plant(changes: readonly Change[]): void {
    gpu.kernel = (name, code) =>
      plainKernel(`${name} ${changes.join()}`, () =>
        changes.reduce((text, [part, instead]) => text.replaceAll(part, instead), code()),
      );
  }

  /** How many rows of a set have a score outside of its bounds, for some queries. */
  async function violations(
    companion: DeviceCompanion,
    set: string,
    metric: Metric,
    changes: readonly Change[],
    isLower: boolean,
  ): Promise<number> {
    const values = SETS[set](ROWS, DIMENSIONS, 17);
    const matrix = createMatrix(values, { dimensions: DIMENSIONS });
    const copy = new MatrixCopy(gpu, failures, DIMENSIONS, companion);
    expect(await copy.reserve(ROWS)).toBeUndefined();
    expect(await copy.upload(matrix, { start: 0, end: ROWS }, undefined)).toBeUndefined();
    copy.rows = ROWS;
    plant(changes);
    expect(await copy.bringCompanion([], undefined)).toBeUndefined();
    const made = copy.companion;
    if (made === undefined) throw new Error('expected a companion');
    const query = new Float32Array(3 * DIMENSIONS);
    query.set(values.subarray(70 * DIMENSIONS, 71 * DIMENSIONS));
    query.set(
      randomValues(2 * DIMENSIONS, 4).map((value) => 50 * value),
      DIMENSIONS,
    );
    const queries = deviceQueries(metric, query, DIMENSIONS);
    const count = queries.numbers.length;
    const items = itemsOf(copy, { start: 0, end: ROWS, where: undefined, candidates: undefined });
    const pieces = items.map((each) => ({ ...each, groups: 1 }));
    plant(isLower ? [...changes, LOWER] : changes);
    const kernels = unwrap(await survivorKernels(gpu, made, count, newTimes()));
    const options = { ...queries, count, isOfMany: true, floors: new Uint32Array(count), kept: 1, metric } as const;
    const [bounds] = unwrap(
      await gpu.run((work) => {
        const bounded = { ...options, selection: 'range' } as const;
        const { uppers } = recordBounds(work, kernels.bounds, copy, made, pieces, bounded);
        work.read(uppers, count * ROWS * 4);
      }),
    );
    gpu.kernel = plainKernel;
    const keys = new Uint32Array(bounds);
    const scan = new DeviceScan(gpu, failures, copy, metric, 'range', items, undefined, newTimes());
    let outside = 0;
    const failure = await scan.all(queries, (q, _, start, scores) => {
      for (const [i, score] of scores.entries()) {
        const key = keys[q * ROWS + start + i];
        if (key === 0) continue;
        const bound = scoreOfKey(key);
        if (isLower ? score < bound : score > bound) outside += 1;
      }
    });
    expect(failure).toBeUndefined();
    copy.destroy();
    return outside;
  }

  async function countAll(companion: DeviceCompanion, changes: readonly Change[], sets: readonly string[]) {
    const found: Record<string, number> = {};
    for (const set of sets) {
      for (const metric of METRICS) {
        const above = await violations(companion, set, metric, changes, false);
        const below = await violations(companion, set, metric, changes, true);
        if (above + below > 0) found[`${set}, ${metric}`] = above + below;
      }
    }
    return found;
  }

  describe.for(DEVICE_COMPANIONS)('%s', (companion) => {
    test('every score of a scan is between its bounds', async () => {
      expect(await countAll(companion, [], Object.keys(SETS))).toEqual({});
    });

    const visible = Object.keys(DEFECTS).filter((defect) => `${companion} ${defect}` !== UNSEEN);
    test.for(visible)('a bound without %s is found to be wrong', async (defect) => {
      const [change, set] = DEFECTS[defect];
      expect(await countAll(companion, [change], [set])).not.toEqual({});
    });
  });
});
