import type { AttemptReport, OperationName } from '@gearshift/contracts';
import type { Worker } from 'node:worker_threads';
import { expectTypeOf, it } from 'vitest';
import {
  attachTracker,
  createTracker,
  NO_METRICS,
  SUMS_LENGTH,
  TRACKER_DEFAULTS,
  type EndingWorker,
  type MetricsSnapshot,
  type SharedSums,
  type TrackedAttempt,
  type Tracker,
  type TrackerHandle,
  type TrackerOptions,
} from '../src/index.js';

it('creates trackers from options and from handles', () => {
  expectTypeOf(createTracker).parameters.toEqualTypeOf<[options?: TrackerOptions | undefined]>();
  expectTypeOf(createTracker).returns.toEqualTypeOf<Tracker>();
  expectTypeOf(attachTracker).parameters.toEqualTypeOf<[handle: TrackerHandle]>();
  expectTypeOf(attachTracker).returns.toEqualTypeOf<Tracker>();
  expectTypeOf(TRACKER_DEFAULTS.windowSize).toEqualTypeOf<100>();
  expectTypeOf(TRACKER_DEFAULTS.maxSums).toEqualTypeOf<48>();
  expectTypeOf<TrackerOptions['maxSums']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<TrackerHandle['maxSums']>().toEqualTypeOf<number>();
  // @ts-expect-error there is no such option
  createTracker({ window: 10 });
  // @ts-expect-error a window is a number
  createTracker({ windowSize: '10' });
});

it('accepts any names of operations and devices, and attempts of those', () => {
  const tracker = createTracker({ windowSize: 10, operations: ['top-k', 'my-own'] });
  expectTypeOf(tracker.operations).toEqualTypeOf<readonly OperationName[]>();
  expectTypeOf(tracker.record).parameters.toEqualTypeOf<[attempt: TrackedAttempt]>();
  expectTypeOf<AttemptReport>().toExtend<TrackedAttempt>();
  expectTypeOf(tracker.flush()).toEqualTypeOf<boolean>();
  expectTypeOf(tracker.release).parameters.toEqualTypeOf<[threadId: number]>();
  expectTypeOf(tracker.nowMs()).toEqualTypeOf<number>();
  expectTypeOf<Tracker>().toExtend<Disposable>();
  // @ts-expect-error a latency is a number
  tracker.recordCpuLatency('top-k', '1');
  // @ts-expect-error a failure has no latency
  tracker.recordGpuFailure('top-k', 1);
});

it('returns read-only snapshots, which can be written by hand', () => {
  const tracker = createTracker();
  expectTypeOf(tracker.snapshot('top-k')).toEqualTypeOf<MetricsSnapshot>();
  expectTypeOf(tracker.gpuSpeedup('top-k')).toEqualTypeOf<number>();
  expectTypeOf({ ...NO_METRICS, speedup: 2 }).toExtend<MetricsSnapshot>();
  expectTypeOf<MetricsSnapshot['cpuLastSampleAtMs']>().toEqualTypeOf<number | null>();
  expectTypeOf<MetricsSnapshot['version']>().toEqualTypeOf<number>();
  // @ts-expect-error a snapshot is read-only
  tracker.snapshot('top-k').speedup = 1;
  // @ts-expect-error a handle is read-only
  tracker.share().windowSize = 1;
});

it('returns undefined for sums without room, and a total that is not the own share', () => {
  const tracker = createTracker({ maxSums: 1 });
  expectTypeOf(tracker.sums).parameters.toEqualTypeOf<[name: string]>();
  expectTypeOf(tracker.sums('a')).toEqualTypeOf<SharedSums | undefined>();
  expectTypeOf<SharedSums['own']>().toEqualTypeOf<Float64Array>();
  expectTypeOf<SharedSums['changed']>().parameters.toEqualTypeOf<
    [from?: number | undefined, to?: number | undefined]
  >();
  expectTypeOf<SharedSums['hasNews']>().returns.toEqualTypeOf<boolean>();
  expectTypeOf<SharedSums['total']>().returns.toEqualTypeOf<Float64Array>();
  expectTypeOf<typeof SUMS_LENGTH>().toEqualTypeOf<256>();
  // @ts-expect-error a name is a string
  tracker.sums(1);
  // @ts-expect-error there may be no room
  tracker.sums('a').total();
});

it('does not allow the share of a thread to be replaced', () => {
  const replace = (sums: SharedSums): void => {
    // @ts-expect-error it is read-only
    sums.own = new Float64Array(SUMS_LENGTH);
  };
  expectTypeOf(replace).parameter(0).toEqualTypeOf<SharedSums>();
});

it('releases the slots of worker threads', () => {
  expectTypeOf<Worker>().toExtend<EndingWorker>();
  expectTypeOf(createTracker().releaseOnExit).parameters.toEqualTypeOf<[worker: EndingWorker]>();
});
