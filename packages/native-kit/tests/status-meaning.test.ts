import { expect, test } from 'vitest';
import { ADDON_STATUS, meaningOfStatus } from '../src/index.js';

test('every status of an addon has its own kind and message', () => {
  const { inputGone, outputGone, ...others } = ADDON_STATUS;
  const messages = Object.values(others).map((status) => meaningOfStatus(status)[1]);
  expect(new Set(messages).size).toBe(messages.length);
  expect(messages.join()).not.toContain('unknown');
  expect(() => meaningOfStatus(inputGone)).toThrow(
    new TypeError('request: an input array was detached or shrunk while the request was under way'),
  );
  expect(() => meaningOfStatus(outputGone)).toThrow(TypeError);
});

test('a status that is missing in the table is a fault', () => {
  expect(meaningOfStatus(-99)).toEqual(['fault', 'the addon returned the unknown status -99']);
});
