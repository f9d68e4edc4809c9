import { expect, test } from 'vitest';
import { undoLogFull } from '../src/room.js';
import { WaitingUpdates } from '../src/waiting-updates.js';

const rowsOf = (value: number) => new Uint8Array(2).fill(value);

/** A log that is full until `hasRoom` says otherwise, and what was written. */
function fullLog() {
  const log = { hasRoom: false, attempts: 0, written: [] as number[][] };
  const update = (rows: Uint8Array) => {
    log.attempts += 1;
    if (!log.hasRoom) throw undoLogFull();
    log.written.push([...rows]);
  };
  return { log, update };
}

test('an update with room is made at once', () => {
  const { log, update } = fullLog();
  log.hasRoom = true;
  expect(new WaitingUpdates().run(update, rowsOf(1))).toBeUndefined();
  expect(log.written).toEqual([[1, 1]]);
});

test('updates without room are made in their order once there is some, with the rows that they were given', async () => {
  const { log, update } = fullLog();
  const updates = new WaitingUpdates();
  const rows = rowsOf(1);
  const first = updates.run(update, rows);
  rows.fill(9);
  await expect.poll(() => log.attempts, { timeout: 50_000 }).toBeGreaterThan(2);
  log.hasRoom = true;
  // One that could be made at once waits behind those that were asked for before.
  const second = updates.run(update, rowsOf(2));
  expect(log.written).toEqual([]);
  await Promise.all([first, second]);
  expect(log.written).toEqual([
    [1, 1],
    [2, 2],
  ]);
  await expect.poll(() => updates.run(update, rowsOf(3)), { timeout: 50_000 }).toBeUndefined();
});

test('an update that never gets room fails with the reason, and those behind it have their own time', async () => {
  const { log, update } = fullLog();
  const updates = new WaitingUpdates(30);
  const first = updates.run(update, rowsOf(1));
  const second = updates.run(update, rowsOf(2));
  await expect(first).rejects.toMatchObject({
    name: 'RangeError',
    message: 'rows: expected fewer changes while requests of earlier versions are under way',
  });
  log.hasRoom = true;
  await second;
  expect(log.written).toEqual([[2, 2]]);
});

test('other errors are not waited for', async () => {
  const updates = new WaitingUpdates();
  const gone = () => {
    throw new TypeError('matrix is disposed');
  };
  expect(() => updates.run(gone, rowsOf(1))).toThrow('matrix is disposed');
  const { log, update } = fullLog();
  const waiting = updates.run(update, rowsOf(1));
  const behind = updates.run(gone, rowsOf(2));
  log.hasRoom = true;
  await waiting;
  await expect(behind).rejects.toThrow('matrix is disposed');
});
