import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { attachTracker, createTracker, TRACKER_DEFAULTS } from '../src/index.js';

test('a misspelt option is a TypeError that names the nearest one', () => {
  expect(() => createTracker({ window: 5 } as never)).toThrow(TypeError);
  expect(() => createTracker({ window: 5 } as never)).toThrow("'window' is not an option; did you mean 'windowSize'?");
});

test('inherited options are a TypeError, and those of a polluted Object.prototype are not read', () => {
  expect(() => createTracker(Object.create({ windowSize: 5 }) as never)).toThrow('expected a plain object');
  const prototype = Object.prototype as Record<string, unknown>;
  prototype['windowSize'] = -1;
  try {
    expect(createTracker({}).windowSize).toBe(TRACKER_DEFAULTS.windowSize);
  } finally {
    delete prototype['windowSize'];
  }
});

test('attaches to the memory of another realm', () => {
  const handle = createTracker().share();
  const OtherSharedArrayBuffer = runInNewContext('SharedArrayBuffer') as SharedArrayBufferConstructor;
  const buffer = new OtherSharedArrayBuffer(handle.buffer.byteLength);
  const tracker = attachTracker({ ...handle, buffer });
  tracker.recordCpuLatency('top-k', 3);
  expect(tracker.snapshot('top-k').cpuAvgMs).toBe(3);
  tracker.close();
});
