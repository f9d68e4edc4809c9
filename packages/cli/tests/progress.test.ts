import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createProgress } from '../src/output/progress.js';

/** As much of a terminal as cli-progress uses. */
function recordingStream(): { stream: NodeJS.WritableStream; written: () => string } {
  let written = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  });
  Object.assign(stream, { isTTY: true, columns: 80, cursorTo() {}, clearLine() {}, moveCursor() {} });
  return { stream, written: () => written };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('a progress bar appears during long work', () => {
  const { stream, written } = recordingStream();
  const progress = createProgress('Reading', stream);
  progress.update(0, 100);
  vi.advanceTimersByTime(200);
  progress.update(10, 100);
  expect(written()).toBe('');
  vi.advanceTimersByTime(200);
  progress.update(50, 100);
  expect(written()).toContain('Reading');
  expect(written()).toContain('50%');
  progress.stop();
  // It shows the cursor again.
  expect(written()).toContain('\u001b[?25h');
  const atStop = written();
  vi.advanceTimersByTime(10_000);
  expect(written()).toBe(atStop);
});

test('no progress bar appears during short work or without a terminal', () => {
  const { stream, written } = recordingStream();
  const progress = createProgress('Reading', stream);
  progress.update(0, 1);
  progress.update(1, 1);
  progress.stop();
  expect(written()).toBe('');

  const silent = createProgress('Reading', undefined);
  silent.update(1, 2);
  silent.stop();
});

test('no progress bar appears while the total is not known', () => {
  const { stream, written } = recordingStream();
  const progress = createProgress('Reading', stream);
  progress.update(0, undefined);
  vi.advanceTimersByTime(1000);
  progress.update(10, undefined);
  progress.stop();
  expect(written()).toBe('');
});
