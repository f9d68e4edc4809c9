import { afterEach, expect, it, vi } from 'vitest';
import { paceDawn } from '../src/index.js';

const own = globalThis.setImmediate;

afterEach(() => {
  globalThis.setImmediate = own;
});

it('puts a pause before native functions only', async () => {
  const immediately = vi.fn();
  globalThis.setImmediate = Object.assign((...args: Parameters<typeof own>) => immediately(...args), own) as typeof own;
  paceDawn();
  const done = await new Promise((resolve) => {
    // The function that settles a promise is a native one, as those of Dawn are.
    globalThis.setImmediate(resolve, 'done');
  });
  expect(done).toBe('done');
  expect(immediately).not.toHaveBeenCalled();
  const callback = (...values: number[]) => values;
  globalThis.setImmediate(callback, 1, 2);
  expect(immediately).toHaveBeenCalledExactlyOnceWith(callback, 1, 2);
});
