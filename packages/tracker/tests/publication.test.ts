import { describe, expect, it } from 'vitest';
import { ArrayMemory } from '../src/protocol/array-memory.js';
import { publishBlock, readBlock, type Block, type BlockShape } from '../src/protocol/publication.js';
import type { SharedMemory } from '../src/protocol/shared-memory.js';
import { changeMemory } from './schedules/small-memory.js';

/** Two dense figures, which are the bounds of one sparse range of four. */
const SHAPE: BlockShape = { denseCount: 2, ranges: [{ at: 2, lowField: 0, endField: 1 }], copyCells: 8 };
const BLOCK: Block = { sequenceCell: 0, dataCell: 8 };
const MOST_ATTEMPTS = 64;

const figures = (low: number, end: number, ...sparse: number[]) => Float64Array.of(low, end, ...sparse, 0, 0);
const newMemory = () => new ArrayMemory(new SharedArrayBuffer(8 * 24));

function published(...publications: readonly Float64Array[]): ArrayMemory {
  const memory = newMemory();
  for (const each of publications) publishBlock(memory, SHAPE, BLOCK, each);
  return memory;
}

/** Records the calls of a memory, and runs `before` each of them. */
function watched(memory: SharedMemory, before: (call: string) => void = () => undefined) {
  const calls: string[] = [];
  const note = (call: string) => {
    calls.push(call);
    before(call);
  };
  const changed = changeMemory(memory, (unchanged) => ({
    load(cell) {
      note(`load ${cell}`);
      return unchanged.load(cell);
    },
    add(cell, amount) {
      note(`add ${amount}`);
      return unchanged.add(cell, amount);
    },
    copyIn(cell, source, start, count) {
      note(`in ${cell} ${start} ${count}`);
      unchanged.copyIn(cell, source, start, count);
    },
    copyOut(cell, target, start, count) {
      note(`out ${cell} ${start} ${count}`);
      unchanged.copyOut(cell, target, start, count);
    },
  }));
  return { memory: changed, calls };
}

describe('publishBlock', () => {
  it('a publication writes the copy that is not current, and then counts itself', () => {
    const { memory, calls } = watched(newMemory());
    publishBlock(memory, SHAPE, BLOCK, figures(1, 3, 0, 7, 8, 0));
    publishBlock(memory, SHAPE, BLOCK, figures(0, 1, 5, 0, 0, 0));
    // The copies begin at the cells 8 and 16; the first publication has number 1.
    expect(calls).toEqual([
      ...['load 0', 'in 16 0 2', 'in 19 3 2', 'add 1'],
      ...['load 0', 'in 8 0 2', 'in 10 2 1', 'add 1'],
    ]);
  });

  it('a publication copies nothing of an empty range', () => {
    const { memory, calls } = watched(newMemory());
    publishBlock(memory, SHAPE, BLOCK, figures(2, 2, 1, 1, 1, 1));
    expect(calls).toEqual(['load 0', 'in 16 0 2', 'add 1']);
  });
});

describe('readBlock', () => {
  it('a reader gets the last publication and its number, and keeps its own numbers outside the range', () => {
    const memory = published(figures(0, 4, 1, 2, 3, 4), figures(1, 3, 0, 7, 8, 0));
    const target = new Float64Array(8).fill(9);
    expect(readBlock(memory, SHAPE, BLOCK, target)).toBe(2);
    expect([...target]).toEqual([1, 3, 9, 7, 8, 9, 9, 9]);
  });

  it('a reader checks the count after the bounds, and once more after the range', () => {
    const { memory, calls } = watched(published(figures(1, 3, 0, 7, 8, 0)));
    readBlock(memory, SHAPE, BLOCK, new Float64Array(8));
    expect(calls).toEqual(['load 0', 'out 16 0 2', 'add 0', 'out 19 3 2', 'add 0']);
  });

  it('a reader of an empty range checks the count once', () => {
    const { memory, calls } = watched(published(figures(2, 2, 0, 0, 0, 0)));
    expect(readBlock(memory, SHAPE, BLOCK, new Float64Array(8))).toBe(1);
    expect(calls).toEqual(['load 0', 'out 16 0 2', 'add 0']);
  });

  it.each([
    ['the bounds', 'out 16 0 2'],
    ['the range', 'out 19 3 2'],
  ])('a reader that is overtaken while it copies %s reads again', (_what, overtakenAt) => {
    const original = published(figures(1, 3, 0, 7, 8, 0));
    let isOvertaken = false;
    const { memory } = watched(original, (call) => {
      if (call !== overtakenAt || isOvertaken) return;
      isOvertaken = true;
      publishBlock(original, SHAPE, BLOCK, figures(0, 2, 5, 6, 0, 0));
    });
    const target = new Float64Array(8);
    expect(readBlock(memory, SHAPE, BLOCK, target)).toBe(2);
    expect([...target.subarray(0, 4)]).toEqual([0, 2, 5, 6]);
    expect(isOvertaken).toBe(true);
  });

  it('a reader never copies a range by bounds that were overtaken', () => {
    const original = published(figures(1, 3, 0, 7, 8, 0));
    const { memory, calls } = watched(original, (call) => {
      if (call === 'out 16 0 2') publishBlock(original, SHAPE, BLOCK, figures(0, 2, 5, 6, 0, 0));
    });
    readBlock(memory, SHAPE, BLOCK, new Float64Array(8));
    expect(calls).toEqual(['load 0', 'out 16 0 2', 'add 0', 'load 0', 'out 8 0 2', 'add 0', 'out 10 2 2', 'add 0']);
  });

  it.each([
    ['succeeds in the last of its attempts', MOST_ATTEMPTS - 1, 1 + MOST_ATTEMPTS - 1],
    ['gives up when all of its attempts were overtaken', MOST_ATTEMPTS, undefined],
  ])('a reader %s', (_what, overtakings, expected) => {
    const original = published(figures(2, 2, 0, 0, 0, 0));
    let left = overtakings;
    const { memory, calls } = watched(original, (call) => {
      if (call.startsWith('out') && left-- > 0) publishBlock(original, SHAPE, BLOCK, figures(2, 2, 0, 0, 0, 0));
    });
    expect(readBlock(memory, SHAPE, BLOCK, new Float64Array(8))).toBe(expected);
    expect(calls.filter((call) => call === 'load 0')).toHaveLength(MOST_ATTEMPTS);
  });
});

describe('ArrayMemory', () => {
  it.each([0, 1, 3, 4, 5, 8, 9, 19])('a copy of %i numbers copies these and no others, in both directions', (count) => {
    const memory = new ArrayMemory(new SharedArrayBuffer(8 * 32));
    const source = Float64Array.from({ length: 32 }, (_, index) => index + 1);
    memory.copyIn(7, source, 2, count);
    const all = new Float64Array(32);
    memory.copyOut(0, all, 0, 32);
    expect([...all]).toEqual(
      Array.from({ length: 32 }, (_, index) => (index >= 7 && index < 7 + count ? source[2 + index - 7] : 0)),
    );
    const target = new Float64Array(32).fill(-1);
    memory.copyOut(7, target, 3, count);
    expect([...target]).toEqual(
      Array.from({ length: 32 }, (_, index) => (index >= 3 && index < 3 + count ? source[2 + index - 3] : -1)),
    );
  });

  it('integer cells are added to and exchanged, and each call returns the previous value', () => {
    const memory = newMemory();
    expect([memory.add(3, 5), memory.add(3, -2), memory.load(3)]).toEqual([0, 5, 3]);
    expect([memory.compareExchange(3, 4, 9), memory.load(3)]).toEqual([3, 3]);
    expect([memory.compareExchange(3, 3, 9), memory.load(3)]).toEqual([3, 9]);
  });
});
