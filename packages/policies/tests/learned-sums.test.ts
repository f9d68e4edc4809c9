import { describe, expect, it } from 'vitest';
import type { SharedLearning } from '@gearshift/contracts';
import { LearnedSums } from '../src/adaptive/learned-sums.js';

const RUNS = 9;

/** What other threads have published, and what the sums did with it. */
function others() {
  const own = new Float64Array(256);
  const theirs = new Float64Array(256);
  const state = { hasNews: true, looks: 0, changed: [] as [number, number][], names: [] as string[] };
  const learning: SharedLearning = {
    sums(name) {
      state.names.push(name);
      return {
        own,
        changed: (from = 0, to = 256) => void state.changed.push([from, to]),
        hasNews() {
          state.looks += 1;
          return state.hasNews;
        },
        total: () => theirs.map((number, i) => number + own[i]),
      };
    },
  };
  return { own, theirs, state, learning };
}

describe('sums that are not shared', () => {
  it('are those of this thread', () => {
    const sums = new LearnedSums('name', RUNS);
    sums.add(3, 5);
    sums.add(3, 2);
    expect(sums.total[3]).toBe(7);
    expect(sums.total).toBe(sums.own);
    expect(sums.isNew).toBe(false);
  });

  it('remember the decision at which the last run was noticed', () => {
    const sums = new LearnedSums('name', RUNS);
    sums.refresh(0, 5);
    expect(sums.lastRunAt).toBe(0);
    sums.add(RUNS, 1);
    sums.refresh(0, 7);
    sums.refresh(0, 9);
    expect(sums.lastRunAt).toBe(7);
  });
});

describe('sums that are shared', () => {
  it('bring along what was learned before, and publish that range', () => {
    const { own, theirs, state, learning } = others();
    const sums = new LearnedSums('name', RUNS);
    sums.add(0, 1);
    sums.add(20, 2);
    own[20] = 10;
    theirs[20] = 100;
    sums.share(learning);
    expect(own[20]).toBe(12);
    expect(sums.total[20]).toBe(112);
    expect(sums.total[0]).toBe(1);
    expect(sums.isNew).toBe(true);
    expect(state).toMatchObject({ names: ['name'], changed: [[0, 21]] });
  });

  it('publish nothing at first where nothing was learned', () => {
    const { state, learning } = others();
    new LearnedSums('name', RUNS).share(learning);
    expect(state.changed).toEqual([]);
  });

  it('publish a single number that was learned', () => {
    const { state, learning } = others();
    const sums = new LearnedSums('name', RUNS);
    sums.add(0, 1);
    sums.share(learning);
    expect(state.changed).toEqual([[0, 1]]);
  });

  it('do not count the share of this thread twice after a reading', () => {
    const { theirs, learning } = others();
    const sums = new LearnedSums('name', RUNS);
    sums.share(learning);
    sums.add(4, 5);
    theirs[4] = 100;
    sums.refresh(0, 0);
    sums.add(4, 1);
    expect(sums.total[4]).toBe(106);
  });

  it('are asked for once', () => {
    const { state, learning } = others();
    const sums = new LearnedSums('name', RUNS);
    sums.share(learning);
    sums.share(learning);
    expect(state.names).toEqual(['name']);
  });

  it('stay those of this thread where there is no room for them', () => {
    const sums = new LearnedSums('name', RUNS);
    sums.share({ sums: () => undefined });
    sums.add(0, 1);
    expect(sums.total).toBe(sums.own);
  });

  it('show a change of this thread at once, and name it to the other threads', () => {
    const { theirs, state, learning } = others();
    const sums = new LearnedSums('name', RUNS);
    theirs[4] = 100;
    sums.share(learning);
    sums.add(4, 1);
    expect(sums.total[4]).toBe(101);
    expect(state.changed).toEqual([[4, 5]]);
  });

  it('are read again after 10 milliseconds, or when the clock goes back', () => {
    const { theirs, state, learning } = others();
    const sums = new LearnedSums('name', RUNS);
    sums.share(learning);
    const seenAt = (nowMs: number): number => {
      sums.refresh(nowMs, 0);
      return sums.total[4];
    };
    theirs[4] = 1;
    expect(seenAt(100)).toBe(1);
    theirs[4] = 2;
    expect([seenAt(100), seenAt(109.9)]).toEqual([1, 1]);
    expect(seenAt(110)).toBe(2);
    theirs[4] = 3;
    expect(seenAt(90)).toBe(3);
    expect(state.looks).toBe(3);
  });

  it('are added up again only when others have published something', () => {
    const { theirs, state, learning } = others();
    const sums = new LearnedSums('name', RUNS);
    sums.share(learning);
    sums.isNew = false;
    state.hasNews = false;
    theirs[4] = 1;
    sums.refresh(0, 0);
    expect([sums.total[4], sums.isNew]).toEqual([0, false]);
    state.hasNews = true;
    sums.refresh(10, 0);
    expect([sums.total[4], sums.isNew]).toEqual([1, true]);
  });

  it('notice the runs of other threads', () => {
    const { theirs, learning } = others();
    const sums = new LearnedSums('name', RUNS);
    sums.share(learning);
    theirs[RUNS] = 3;
    sums.refresh(100, 12);
    expect(sums.lastRunAt).toBe(12);
  });
});
