import { expectTypeOf, it } from 'vitest';
import { attachTracker, createTracker, NO_METRICS, type MetricsSnapshot, type TrackerHandle } from '../src/index.js';

it('has the types that the documentation says', () => {
  const tracker = createTracker({ windowSize: 10, operations: ['top-k'] });
  expectTypeOf(tracker.snapshot('top-k')).toEqualTypeOf<MetricsSnapshot>();
  expectTypeOf(tracker.share()).toEqualTypeOf<TrackerHandle>();
  expectTypeOf(attachTracker).parameter(0).toEqualTypeOf<TrackerHandle>();
  expectTypeOf(tracker.flush()).toEqualTypeOf<boolean>();
  expectTypeOf({ ...NO_METRICS, speedup: 2 }).toExtend<MetricsSnapshot>();
  expectTypeOf<MetricsSnapshot['cpuLastSampleAtMs']>().toEqualTypeOf<number | null>();
  // @ts-expect-error a snapshot is read-only
  tracker.snapshot('top-k').speedup = 1;
  // @ts-expect-error a latency is a number
  tracker.recordCpuLatency('top-k', '1');
});
