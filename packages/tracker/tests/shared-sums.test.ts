import { describe, expect, it } from 'vitest';
import { attachTracker, createTracker, SUMS_LENGTH, type Tracker } from '../src/index.js';
import { hashOf } from '../src/protocol/directory.js';
import { add, NAME, sumsOf, trackersOfOneMemory } from './trackers-of-one-memory.js';

const LAST = SUMS_LENGTH - 1;

const totalOf = (tracker: Tracker, index = 0): number => sumsOf(tracker).total()[index];

describe('sums(name)', () => {
  it('sums() returns one object per tracker and name, with zeros at first', () => {
    const [one, other] = trackersOfOneMemory();
    const sums = sumsOf(one);
    expect(one.sums(NAME)).toBe(sums);
    expect(other.sums(NAME)).not.toBe(sums);
    expect(one.sums('another')).not.toBe(sums);
    expect([...sums.own]).toEqual(new Array(SUMS_LENGTH).fill(0));
    expect([...sums.total()]).toEqual(new Array(SUMS_LENGTH).fill(0));
  });

  it('sums() keeps the numbers of names apart, whichever thread uses which name first', () => {
    const [one, other] = trackersOfOneMemory();
    sumsOf(one, 'a');
    add(sumsOf(one, 'b'), 0, 1);
    add(sumsOf(other, 'b'), 0, 10);
    add(sumsOf(other, 'a'), 0, 100);
    expect([one.flush(), other.flush()]).toEqual([true, true]);
    for (const tracker of [one, other]) {
      expect(sumsOf(tracker, 'a').total()[0]).toBe(100);
      expect(sumsOf(tracker, 'b').total()[0]).toBe(11);
    }
  });

  it('sums() accepts any string as a name', () => {
    const [one, other] = trackersOfOneMemory();
    for (const [index, name] of ['', ' ', '\0', 'é', 'e\u0301', '\ud800', 'x'.repeat(10_000)].entries()) {
      add(sumsOf(one, name), 0, index + 1);
      one.flush();
      expect(sumsOf(other, name).total()[0]).toBe(index + 1);
    }
  });

  it('sums() returns undefined when all places are taken by other names', () => {
    const first = createTracker({ operations: ['top-k'], maxSums: 2 });
    const second = attachTracker(first.share());
    add(sumsOf(first, 'a'), 0, 1);
    add(sumsOf(second, 'b'), 0, 2);
    expect(first.sums('c')).toBeUndefined();
    expect(second.sums('c')).toBeUndefined();
    first.close();
    // Places are for good.
    expect(first.sums('c')).toBeUndefined();
    expect(sumsOf(second, 'a').total()[0]).toBe(1);
    expect(sumsOf(first, 'b').own[0]).toBe(0);
    const none = createTracker({ operations: ['top-k'], maxSums: 0 });
    expect(none.sums('a')).toBeUndefined();
  });

  it('two names with the same hash have the same numbers, and lose none', () => {
    // Known collisions of FNV-1a.
    const [one, other] = trackersOfOneMemory();
    expect(hashOf('costarring')).toBe(hashOf('liquid'));
    expect(one.sums('costarring')).toBe(one.sums('liquid'));
    add(sumsOf(one, 'costarring'), 0, 1);
    add(sumsOf(one, 'liquid'), 0, 10);
    one.flush();
    expect(sumsOf(other, 'liquid').total()[0]).toBe(11);
  });

  it('names are hashed by FNV-1a over code units, and never to 0, which means a free place', () => {
    expect(hashOf('') >>> 0).toBe(0x811c9dc5);
    expect(hashOf('a') >>> 0).toBe(0xe40c292c);
    expect(hashOf('foobar') >>> 0).toBe(0xbf9cf968);
    // Code units that lead FNV-1a to 0: the last one is all that is left.
    expect(hashOf('a\u3b2d\u5793')).toBe(1);
  });
});

describe('total()', () => {
  it("total() includes this thread's share at once, and the shares of others when they are published", () => {
    const [one, other] = trackersOfOneMemory();
    add(sumsOf(one), 0, 1);
    expect(totalOf(one)).toBe(1);
    expect(totalOf(other)).toBe(0);
    expect(one.flush()).toBe(true);
    add(sumsOf(other), 0, 10);
    expect(totalOf(other)).toBe(11);
    expect(totalOf(one)).toBe(1);
    other.flush();
    expect(totalOf(one)).toBe(11);
  });

  it('total() includes the share of another thread after the end of its turn', async () => {
    const [one, other] = trackersOfOneMemory();
    add(sumsOf(one), 0, 1);
    expect(totalOf(other)).toBe(0);
    await Promise.resolve();
    expect(totalOf(other)).toBe(1);
    add(sumsOf(one), 0, 1);
    await Promise.resolve();
    expect(totalOf(other)).toBe(2);
  });

  it('total() includes the share of another thread with its 32nd record', () => {
    const [one, other] = trackersOfOneMemory();
    add(sumsOf(one), 0, 1);
    for (let i = 0; i < 31; i++) one.recordCpuLatency('top-k', 1);
    expect(totalOf(other)).toBe(0);
    one.recordCpuLatency('top-k', 1);
    expect(totalOf(other)).toBe(1);
  });

  it('total() includes all numbers that were named as changed, wherever they are', () => {
    for (const [from, to] of [
      [0, SUMS_LENGTH],
      [0, 16],
      [0, 17],
      [15, 17],
      [16, 17],
      [LAST, SUMS_LENGTH],
      [100, 200],
    ]) {
      const [one, other] = trackersOfOneMemory();
      const sums = sumsOf(one);
      for (let i = from; i < to; i++) sums.own[i] = i + 1;
      sums.changed(from, to);
      one.flush();
      const expected = Array.from({ length: SUMS_LENGTH }, (_, i) => (i >= from && i < to ? i + 1 : 0));
      expect([...sumsOf(other).total()]).toEqual(expected);
    }
  });

  it('total() includes all numbers when changed() is called without a range', () => {
    const [one, other] = trackersOfOneMemory();
    sumsOf(one).own.fill(3);
    sumsOf(one).changed();
    one.flush();
    expect([...sumsOf(other).total()]).toEqual(new Array(SUMS_LENGTH).fill(3));
  });

  it('total() still includes numbers that were changed before, when others change', () => {
    const [one, other] = trackersOfOneMemory();
    for (const round of [1, 2, 3]) {
      add(sumsOf(one), 20, 1);
      if (round === 1) add(sumsOf(one), 200, 1);
      one.flush();
      expect([totalOf(other, 20), totalOf(other, 200)]).toEqual([round, 1]);
    }
  });

  it('total() follows a share that was replaced or scaled', () => {
    const [one, other] = trackersOfOneMemory();
    const sums = sumsOf(one);
    add(sumsOf(other), 3, 8);
    other.flush();
    sums.own.fill(4, 0, 20);
    sums.changed(0, 20);
    one.flush();
    expect(totalOf(other, 3)).toBe(12);
    for (let i = 0; i < 20; i++) sums.own[i] *= 0.5;
    sums.changed(0, 20);
    one.flush();
    expect([totalOf(other, 3), totalOf(other, 19)]).toEqual([10, 2]);
    // A thread may subtract what others have added: only the sum counts.
    sums.own[3] = -8;
    sums.changed(3, 4);
    one.flush();
    expect([totalOf(one, 3), totalOf(other, 3)]).toEqual([0, 0]);
  });

  it('total() adds NaN, infinities and the smallest numbers as they are', () => {
    const [one, other] = trackersOfOneMemory();
    const numbers = [NaN, Infinity, -0, Number.MIN_VALUE, -Number.MAX_VALUE, 2 ** 53];
    sumsOf(one).own.set(numbers);
    sumsOf(one).changed(0, numbers.length);
    one.flush();
    expect([...sumsOf(other).total().subarray(0, numbers.length)]).toEqual(numbers.map((number) => number + 0));
    // Nothing that is added makes it a number again; the others are not affected.
    add(sumsOf(other), 0, 1);
    add(sumsOf(other), 5, -1);
    expect([totalOf(other, 0), totalOf(other, 5)]).toEqual([NaN, 2 ** 53 - 1]);
  });
});

describe('hasNews()', () => {
  it('hasNews() is true once after others have published', () => {
    const [one, other] = trackersOfOneMemory();
    const sums = sumsOf(other);
    expect(sums.hasNews()).toBe(false);
    add(sumsOf(one), 0, 1);
    expect(sums.hasNews()).toBe(false);
    one.flush();
    expect([sums.hasNews(), sums.hasNews()]).toEqual([true, false]);
    expect(sums.total()[0]).toBe(1);
    add(sumsOf(one), 0, 1);
    one.flush();
    sums.total();
    expect(sums.hasNews()).toBe(false);
  });

  it('hasNews() is false after this thread published, or others under another name', () => {
    const [one, other] = trackersOfOneMemory();
    const sums = sumsOf(one);
    add(sums, 0, 1);
    one.flush();
    expect(sums.hasNews()).toBe(false);
    add(sumsOf(other, 'another'), 0, 1);
    other.recordFallback('top-k');
    other.flush();
    expect(sums.hasNews()).toBe(false);
  });

  it('hasNews() is false after a publication in which these sums did not change', () => {
    const [one, other] = trackersOfOneMemory();
    add(sumsOf(one), 0, 1);
    one.flush();
    expect(sumsOf(other).hasNews()).toBe(true);
    one.recordFallback('top-k');
    one.flush();
    expect(sumsOf(other).hasNews()).toBe(false);
  });

  it('hasNews() is true for a thread that takes over a slot in which the previous owner left a share', () => {
    const [one, other] = trackersOfOneMemory(1);
    const sums = sumsOf(other);
    expect(sums.hasNews()).toBe(false);
    add(sumsOf(one), 0, 1);
    one.close();
    // Takes the slot without having looked.
    add(sums, 0, 10);
    expect(other.flush()).toBe(true);
    expect([sums.hasNews(), sums.hasNews()]).toEqual([true, false]);
  });
});

describe('the slot of a share', () => {
  it('the share in a slot counts once in every total after the slot was given back', () => {
    const [one, other] = trackersOfOneMemory(1);
    add(sumsOf(one), 0, 1);
    add(sumsOf(one), LAST, 2);
    one.close();
    for (const tracker of [one, other]) expect([totalOf(tracker), totalOf(tracker, LAST)]).toEqual([1, 2]);
    add(sumsOf(other), 0, 10);
    expect(other.flush()).toBe(true);
    for (const tracker of [one, other]) expect([totalOf(tracker), totalOf(tracker, LAST)]).toEqual([11, 2]);
    other.close();
    for (const tracker of [one, other]) expect([totalOf(tracker), totalOf(tracker, LAST)]).toEqual([11, 2]);
    add(sumsOf(one), 0, 100);
    one.flush();
    for (const tracker of [one, other]) expect([totalOf(tracker), totalOf(tracker, LAST)]).toEqual([111, 2]);
  });

  it('taking over a slot changes no own share and no total', () => {
    const [one, other] = trackersOfOneMemory(1);
    add(sumsOf(one), 0, 1);
    add(sumsOf(one), 100, 1);
    one.close();
    const sums = sumsOf(other);
    add(sums, 0, 10);
    const total = [...sums.total()];
    expect(other.flush()).toBe(true);
    expect([sums.own[0], sums.own[100]]).toEqual([10, 0]);
    expect([...sums.total()]).toEqual(total);
    // Asked for by a thread that owns the slot already.
    add(sumsOf(one, 'late'), 0, 5);
    other.close();
    one.close();
    add(sums, 0, 1);
    other.flush();
    expect(sumsOf(other, 'late').own[0]).toBe(0);
    expect(sumsOf(other, 'late').total()[0]).toBe(5);
    add(sumsOf(other, 'late'), 0, 1);
    other.flush();
    expect(sumsOf(one, 'late').total()[0]).toBe(6);
  });

  it('a slot keeps numbers that its next owner never changes', () => {
    const [one, other] = trackersOfOneMemory(1);
    add(sumsOf(one), 30, 1);
    add(sumsOf(one), 200, 2);
    one.close();
    add(sumsOf(other), 100, 10);
    other.flush();
    add(sumsOf(other), 100, 10);
    other.flush();
    const third = attachTracker(one.share());
    expect([30, 100, 200].map((index) => totalOf(third, index))).toEqual([1, 20, 2]);
  });

  it('a share counts once when the same tracker closes and takes the slot again', () => {
    const [one, other] = trackersOfOneMemory(1);
    const sums = sumsOf(one);
    for (let round = 1; round <= 3; round++) {
      add(sums, 0, 1);
      add(sums, 99, 1);
      one.close();
      expect(sums.own[0]).toBe(0);
      expect([totalOf(one), totalOf(one, 99), totalOf(other), totalOf(other, 99)]).toEqual([
        round,
        round,
        round,
        round,
      ]);
    }
  });

  it('a share stays with its thread until a slot is free', () => {
    const [one, other] = trackersOfOneMemory(1);
    add(sumsOf(one), 0, 1);
    expect(one.flush()).toBe(true);
    add(sumsOf(other), 0, 10);
    expect(other.flush()).toBe(false);
    expect([totalOf(other), totalOf(one)]).toEqual([11, 1]);
    other.close();
    expect([totalOf(other), totalOf(one)]).toEqual([11, 1]);
    one.close();
    expect(other.flush()).toBe(true);
    expect([totalOf(other), totalOf(one)]).toEqual([11, 11]);
  });

  it('a thread that only reads sums needs no slot', () => {
    const [one, other] = trackersOfOneMemory(1);
    expect(totalOf(one)).toBe(0);
    expect(one.flush()).toBe(true);
    add(sumsOf(other), 0, 1);
    expect(other.flush()).toBe(true);
    expect(totalOf(one)).toBe(1);
  });
});

describe('sums and changed()', () => {
  const WRONG: readonly [string, typeof TypeError | typeof RangeError, (tracker: Tracker) => unknown][] = [
    ['name: expected a string, got undefined', TypeError, (t) => t.sums(undefined as never)],
    ['name: expected a string, got 7', TypeError, (t) => t.sums(7 as never)],
    ['name: expected a string, got null', TypeError, (t) => t.sums(null as never)],
    ['from: expected an integer from 0 to 256, got -1', RangeError, (t) => sumsOf(t).changed(-1, 1)],
    ['from: expected an integer from 0 to 256, got 0.5', RangeError, (t) => sumsOf(t).changed(0.5, 1)],
    ['from: expected an integer from 0 to 256, got NaN', RangeError, (t) => sumsOf(t).changed(NaN, 1)],
    ['from: expected an integer from 0 to 256, got 257', RangeError, (t) => sumsOf(t).changed(257)],
    ["from: expected an integer from 0 to 256, got '0'", TypeError, (t) => sumsOf(t).changed('0' as never)],
    ['to: expected an integer from 0 to 256, got 257', RangeError, (t) => sumsOf(t).changed(0, 257)],
    ['to: expected an integer from 3 to 256, got 2', RangeError, (t) => sumsOf(t).changed(3, 2)],
    ['to: expected an integer from 0 to 256, got Infinity', RangeError, (t) => sumsOf(t).changed(0, Infinity)],
    ['to: expected an integer from 0 to 256, got null', TypeError, (t) => sumsOf(t).changed(0, null as never)],
  ];

  it.each(WRONG)(
    'sums() and changed() refuse a wrong argument, name it and change nothing: %s',
    (message, kind, act) => {
      const [one, other] = trackersOfOneMemory();
      sumsOf(one).own.fill(1);
      expect(() => act(one)).toThrow(kind);
      expect(() => act(one)).toThrow(message);
      one.flush();
      expect(totalOf(other)).toBe(0);
    },
  );

  it('changed() accepts the ends of each range, and empty ranges', () => {
    const [one] = trackersOfOneMemory();
    for (const [from, to] of [
      [0, 0],
      [0, SUMS_LENGTH],
      [SUMS_LENGTH, SUMS_LENGTH],
      [16, 16],
    ]) {
      expect(() => sumsOf(one).changed(from, to)).not.toThrow();
    }
  });
});
