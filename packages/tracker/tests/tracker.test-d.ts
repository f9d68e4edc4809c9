import type { AttemptReport, OperationName } from '@gearshift/contracts';
import type { Worker } from 'node:worker_threads';
import { expectTypeOf, it } from 'vitest';
import {
  attachTracker,
  createTracker,
  NO_METRICS,
  TRACKER_DEFAULTS,
  type EndingWorker,
  type MetricsSnapshot,
  type Tracker,
  type TrackerHandle,
  type TrackerOptions,
} from '../src/index.js';

it('makes trackers of options or of handles', () => {
  expectTypeOf(createTracker).parameters.toEqualTypeOf<[options?: TrackerOptions | undefined]>();
  expectTypeOf(createTracker).returns.toEqualTypeOf<Tracker>();
  expectTypeOf(attachTracker).parameters.toEqualTypeOf<[handle: TrackerHandle]>();
  expectTypeOf(attachTracker).returns.toEqualTypeOf<Tracker>();
  expectTypeOf(TRACKER_DEFAULTS.windowSize).toEqualTypeOf<100>();
  // @ts-expect-error there is no such option
  createTracker({ window: 10 });
  // @ts-expect-error a window is a number
  createTracker({ windowSize: '10' });
});

it('names operations freely, and takes what it is told to take', () => {
  const tracker = createTracker({ windowSize: 10, operations: ['top-k', 'my-own'] });
  expectTypeOf(tracker.operations).toEqualTypeOf<readonly OperationName[]>();
  expectTypeOf(tracker.record).parameters.toEqualTypeOf<[attempt: AttemptReport]>();
  expectTypeOf(tracker.flush()).toEqualTypeOf<boolean>();
  expectTypeOf(tracker.release).parameters.toEqualTypeOf<[threadId: number]>();
  expectTypeOf(tracker.nowMs()).toEqualTypeOf<number>();
  expectTypeOf<Tracker>().toExtend<Disposable>();
  // @ts-expect-error a latency is a number
  tracker.recordCpuLatency('top-k', '1');
  // @ts-expect-error a failure has no latency
  tracker.recordGpuFailure('top-k', 1);
});

it('answers with snapshots that are read-only, and can be written by hand', () => {
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

it('knows workers', () => {
  expectTypeOf<Worker>().toExtend<EndingWorker>();
  expectTypeOf(createTracker().releaseOnExit).parameters.toEqualTypeOf<[worker: EndingWorker]>();
});
