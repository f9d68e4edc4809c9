import { crc32 } from 'node:zlib';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { expect, it } from 'vitest';
import { openMatrix } from '../src/file/open-matrix.js';
import { saveMatrix } from '../src/file/save-matrix.js';
import { StoredMatrix } from '../src/index.js';
import { afterPowerCut, MemoryFileSystem, type Call, type Files } from './fixtures/memory-file-system.js';
import { randomBelow } from './fixtures/random.js';

/** Ways in which a cut at the same call loses what was not synced. */
const LOSSES = effort({ test: 5, ci: 20, nightly: 400 });
const HISTORIES = effort({ test: 4, ci: 12, nightly: 30 });
const SEED = seedOr(20_261_128);
const PATH = '/vectors.gearshift';

/** What a matrix contains, in a form that can be compared. */
function stateOf(matrix: StoredMatrix): string {
  const removed: number[] = [];
  for (let row = 0; row < matrix.rows; row++) {
    const word = matrix.removed?.words[row >>> 5] ?? 0;
    if (((word >>> (row & 31)) & 1) === 1) removed.push(row);
  }
  const { buffer, byteOffset, byteLength } = matrix.values;
  const values = crc32(new Uint8Array(buffer, byteOffset, byteLength));
  return [matrix.version, matrix.rows, values, removed.length, removed.join()].join(' ');
}

interface History {
  /** The file before the first call. */
  readonly before: Files;
  readonly calls: readonly Call[];
  /** By version, from the one in the file on. */
  readonly states: ReadonlyMap<number, string>;
}

/** Makes changes of every kind, alone and several at a time, and records what they do to the file. */
async function recordHistory(seed: number): Promise<History> {
  const below = randomBelow(seed);
  const dimensions = 1 + below(3) * 150;
  const row = () => Float32Array.from({ length: dimensions }, () => below(1000));
  const first = StoredMatrix.create(5, { dimensions }, (values) => {
    for (let i = 0; i < 5; i++) values.set(row(), i * dimensions);
  });
  const system = new MemoryFileSystem();
  await saveMatrix(first, PATH, undefined, system);
  const before = system.begin();
  const matrix = await openMatrix(PATH, { writable: true }, system);
  const states = new Map([[matrix.version, stateOf(matrix)]]);
  for (let step = 0; step < 12; step++) {
    const changes: Promise<unknown>[] = [];
    const change = (made: Promise<unknown>) => {
      changes.push(made);
      states.set(matrix.version, stateOf(matrix));
    };
    for (let i = below(4); i >= 0; i--) {
      const kind = below(10);
      if (kind < 4 || matrix.rows === 0) change(matrix.append([row(), row()].slice(below(2))));
      else if (kind < 7) change(matrix.update(below(matrix.rows), row()));
      else if (kind < 9) change(matrix.remove([below(matrix.rows), below(matrix.rows)]));
      else change(matrix.compact());
    }
    await Promise.all(changes);
    system.calls.push({ name: 'durable', version: matrix.version });
  }
  await matrix[Symbol.asyncDispose]();
  return { before, calls: [...system.calls], states };
}

/** Opens the file after a cut, and returns the version that it has. */
async function reopen({ states }: History, system: MemoryFileSystem, from: number, to: number): Promise<void> {
  const opened = await openMatrix(PATH, { verify: true }, system);
  const state = states.get(opened.version);
  if (state !== stateOf(opened)) throw new Error(`version ${opened.version} is not the one that was committed`);
  if (opened.version < from) throw new Error(`version ${from} was durable, but the file has ${opened.version}`);
  if (opened.version > to) throw new Error(`version ${opened.version} was not even begun`);
  await opened[Symbol.asyncDispose]();
}

it(`leaves a committed state after a cut at every call of a durable change (seed ${SEED})`, async () => {
  let cuts = 0;
  const lost = { before: 0, after: 0 };
  for (let h = 0; h < HISTORIES; h++) {
    const history = await recordHistory(SEED + h);
    const { before, calls } = history;
    const below = randomBelow(SEED * 31 + h);
    let from = Math.min(...history.states.keys());
    for (let cut = 0; cut <= calls.length; cut++) {
      const last = calls[cut - 1];
      if (last?.name === 'durable') from = last.version;
      const next = calls.slice(cut).find((call) => call.name === 'durable');
      const to = next?.version ?? from;
      for (let loss = 0; loss < LOSSES; loss++) {
        // Nothing is lost, everything, or some.
        const keeps = loss === 0 ? () => true : loss === 1 ? () => false : () => below(4) < 1 + (loss % 3);
        const system = afterPowerCut(before, calls.slice(0, cut), keeps);
        try {
          await reopen(history, system, from, to);
          if (loss === 2) await writeOn(history, system);
        } catch (error) {
          throw new Error(`history ${h}, cut ${cut}, loss ${loss}: ${String(error)}`, { cause: error });
        }
        cuts += 1;
      }
      lost[next === undefined ? 'after' : 'before'] += 1;
    }
  }
  tellCount('R19', cuts);
  expect(lost.before).toBeGreaterThan(100);
}, 900_000);

/** A writer goes on with what it finds, and the next reader finds its change. */
async function writeOn(history: History, system: MemoryFileSystem): Promise<void> {
  const matrix = await openMatrix(PATH, { writable: true }, system);
  if (stateOf(matrix) !== history.states.get(matrix.version)) throw new Error('the writer found another state');
  await matrix.append(new Float32Array(matrix.dimensions).fill(7));
  const state = stateOf(matrix);
  await matrix[Symbol.asyncDispose]();
  const again = await openMatrix(PATH, { verify: true }, system);
  if (stateOf(again) !== state) throw new Error('the change after the cut is not in the file');
}

it('leaves the old file or the new one after a cut at every call of save', async () => {
  const below = randomBelow(SEED);
  const old = StoredMatrix.create(2, { dimensions: 3 }, (values) => values.set([1, 2, 3, 4, 5, 6]));
  const system = new MemoryFileSystem();
  await saveMatrix(old, PATH, undefined, system);
  const before = system.begin();
  const values = Float32Array.from({ length: 40 * 9000 }, (_, i) => i);
  const newer = StoredMatrix.create(9000, { dimensions: 40 }, (memory) => memory.set(values));
  await newer.update(1, new Float32Array(40));
  await newer.remove(3);
  await saveMatrix(newer.pin(), PATH, undefined, system);
  const { calls } = system;
  let cuts = 0;
  const found = { old: 0, new: 0 };
  for (let cut = 0; cut <= calls.length; cut++) {
    for (let loss = 0; loss < LOSSES; loss++) {
      const keeps = loss === 0 ? () => true : loss === 1 ? () => false : () => below(3) < 2;
      const after = afterPowerCut(before, calls.slice(0, cut), keeps);
      const opened = await openMatrix(PATH, { verify: true }, after);
      const isNew = opened.rows === 9000;
      expect(stateOf(opened) === stateOf(isNew ? newer : old)).toBe(true);
      if (cut === calls.length) expect(isNew).toBe(true);
      found[isNew ? 'new' : 'old'] += 1;
      cuts += 1;
      await opened[Symbol.asyncDispose]();
    }
  }
  tellCount('R19', cuts);
  expect(found.old).toBeGreaterThan(0);
  expect(found.new).toBeGreaterThan(0);
}, 900_000);
