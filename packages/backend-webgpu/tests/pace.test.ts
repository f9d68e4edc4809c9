import { describe, expect, test } from 'vitest';
import { Pace } from '../src/device/pace.js';

describe('the work of a submit', () => {
  test('grows while submits are short and shrinks when one takes long', () => {
    const pace = new Pace();
    const first = pace.workPerSubmit;
    pace.record(first, 5);
    expect(pace.workPerSubmit).toBe(2 * first);
    pace.record(pace.workPerSubmit, 400);
    expect(pace.workPerSubmit).toBe(first / 2);
  });

  test('does not change with uploads, however long they take', () => {
    const pace = new Pace();
    const first = pace.workPerSubmit;
    pace.record(0, 500);
    expect(pace.workPerSubmit).toBe(first);
  });
});
