import { expect, test } from 'vitest';
import { BackendFailures, OpenState } from '../src/index.js';

const failures = new BackendFailures('test');

test('an open backend refuses only aborted requests, and a closed one refuses all', async () => {
  const state = new OpenState(failures);
  expect(state.refuse(undefined)).toBeUndefined();
  expect(state.refuse(new AbortController().signal)).toBeUndefined();
  expect(state.refuse(AbortSignal.abort())).toMatchObject({ ok: false, error: { kind: 'aborted', backend: 'test' } });
  expect(state.isClosed).toBe(false);
  const closing = state.close();
  expect(state.isClosed).toBe(true);
  expect(state.refuse(undefined)).toMatchObject({ ok: false, error: { kind: 'unsupported', backend: 'test' } });
  await closing;
});

test('close() waits for all tracked work, including failing work, and then releases once', async () => {
  const order: string[] = [];
  const state = new OpenState(failures, () => void order.push('released'));
  const failing = state.track(Promise.reject(new Error('lost')).finally(() => order.push('failed')));
  const slow = state.track(new Promise((resolve) => setTimeout(resolve, 5)).then(() => order.push('done')));
  const closing = state.close();
  expect(state.close()).toBe(closing);
  await expect(failing).rejects.toThrow('lost');
  await slow;
  await closing;
  expect(order).toEqual(['failed', 'done', 'released']);
});
