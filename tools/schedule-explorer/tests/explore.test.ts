import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explore, type ExploreOptions, type Program, type ThreadMemory } from '../src/index.js';

const program = (parts: Partial<Program>): Program => ({
  integers: [0, 0],
  numbers: [0, 0],
  threads: [],
  check: () => undefined,
  ...parts,
});
const thread = (run: (memory: ThreadMemory) => unknown, name = 'thread') => ({ name, run });

function write(memory: ThreadMemory, cell: number, value: number): void {
  memory.copyIn(cell, Float64Array.of(value), 0, 1);
}

function read(memory: ThreadMemory, cell: number): Float64Array {
  const target = new Float64Array(1);
  memory.copyOut(cell, target, 0, 1);
  return target;
}

/** Every possible outcome of a program, as text, and how often an end was checked. */
function endings(parts: Partial<Program>, options?: ExploreOptions) {
  const seen = new Set<string>();
  let ends = 0;
  const exploration = explore(
    program({
      ...parts,
      check: ({ threads, integers, numbers }) => {
        ends++;
        const values = threads.map((outcome) => (outcome.killed ? 'killed' : String(outcome.value))).join(' ');
        seen.add(parts.check === undefined ? values : `${values} ${integers.join()} ${numbers.join()}`);
        return undefined;
      },
    }),
    options,
  );
  expect(exploration.exhausted).toBe(true);
  return { outcomes: [...seen].sort(), ends, interleavings: exploration.interleavings, states: exploration.states };
}

function outcomes(parts: Partial<Program>): string[] {
  return endings(parts).outcomes;
}

describe('explore() counts interleavings', () => {
  const twice = (memory: ThreadMemory) => {
    memory.load(0);
    memory.load(0);
  };

  it.each([true, false])(
    'two threads of two steps interleave in 6 ways, three in 90 (states merged: %s)',
    (mergeStates) => {
      const two = explore(program({ threads: [thread(twice), thread(twice)] }), { mergeStates });
      const three = explore(program({ threads: [thread(twice), thread(twice), thread(twice)] }), { mergeStates });
      expect([two.interleavings, three.interleavings]).toEqual([6n, 90n]);
      expect([two.exhausted, three.exhausted]).toEqual([true, true]);
      expect(two.states).toBe(mergeStates ? 9 : 19);
    },
  );

  it('kills a thread of two steps in two places', () => {
    const { interleavings } = explore(program({ threads: [{ ...thread(twice), mayBeKilled: true }] }));
    expect(interleavings).toBe(3n);
  });

  it('counts exactly beyond the safe integers', () => {
    // Two threads of n steps: (2n)! / (n! n!). The second is far above 2^53, and odd enough to show rounding.
    const steps = (count: number) => (memory: ThreadMemory) => {
      for (let i = 0; i < count; i++) memory.load(0);
    };
    const of = (count: number) =>
      explore(program({ threads: [thread(steps(count)), thread(steps(count))] })).interleavings;
    expect(of(15)).toBe(155_117_520n);
    expect(of(32)).toBe(1_832_624_140_942_590_534n);
  });

  it('has the same count and outcomes with and without merged states, for random programs', () => {
    const cell = fc.nat(1);
    const access = fc.oneof(
      fc.record({ kind: fc.constantFrom('load', 'store', 'read', 'write'), cell, value: fc.nat(2) }),
      fc.record({ kind: fc.constantFrom('add', 'exchange'), cell, value: fc.nat(2) }),
    );
    const threads = fc.array(
      fc.record({ accesses: fc.array(access, { minLength: 1, maxLength: 3 }), mayBeKilled: fc.boolean() }),
      { minLength: 2, maxLength: 2 },
    );
    fc.assert(
      fc.property(threads, (plan) => {
        const parts = {
          check: () => undefined,
          threads: plan.map(({ accesses, mayBeKilled }) => ({
            name: 'thread',
            mayBeKilled,
            run: (memory: ThreadMemory) =>
              accesses.map(({ kind, cell: at, value }) => {
                if (kind === 'load') return memory.load(at);
                if (kind === 'store') memory.store(at, value);
                if (kind === 'read') return read(memory, at);
                if (kind === 'write') write(memory, at, value);
                if (kind === 'add') return memory.add(at, value);
                return kind === 'exchange' ? memory.compareExchange(at, value, value + 1) : 'written';
              }),
          })),
        };
        const merged = endings(parts);
        const single = endings(parts, { mergeStates: false });
        expect(merged.outcomes).toEqual(single.outcomes);
        expect(merged.interleavings).toBe(single.interleavings);
        // Without merged states every interleaving ends in a separate check.
        expect(single.interleavings).toBe(BigInt(single.ends));
        expect(merged.states).toBeLessThanOrEqual(single.states);
      }),
      { seed: 20261123, numRuns: 150 },
    );
  });

  it('says when it stopped at the limit of states', () => {
    const exploration = explore(program({ threads: [thread(twice), thread(twice)] }), { maxStates: 5 });
    expect(exploration).toMatchObject({ exhausted: false, states: 5, violation: undefined });
  });
});

describe('memory model of explore()', () => {
  it('loses no atomic add and no exchange', () => {
    const add = (memory: ThreadMemory) => memory.add(0, 1);
    expect(outcomes({ threads: [thread(add), thread(add)] })).toEqual(['0 1', '1 0']);
    const exchange = (memory: ThreadMemory) => memory.compareExchange(0, 0, 7);
    expect(outcomes({ threads: [thread(exchange), thread(exchange)] })).toEqual(['0 7', '7 0']);
  });

  it('shows plain data written before an atomic store to a thread that loads the stored flag', () => {
    const writer = (memory: ThreadMemory) => {
      write(memory, 0, 5);
      memory.store(0, 1);
    };
    const reader = (memory: ThreadMemory) => (memory.load(0) === 1 ? read(memory, 0) : 'early');
    expect(outcomes({ threads: [thread(writer), thread(reader)] })).toEqual(['undefined 5', 'undefined early']);
  });

  it('allows a plain write to be visible before the atomic store in front of it', () => {
    const writer = (memory: ThreadMemory) => {
      memory.store(0, 1);
      write(memory, 0, 5);
    };
    const reader = (memory: ThreadMemory) => {
      const [value] = [read(memory, 0)];
      return [memory.add(0, 0), value].join('/');
    };
    expect(outcomes({ threads: [thread(writer), thread(reader)] })).toContain('undefined 0/5');
  });

  it('allows a plain read to happen after the atomic load behind it, but not after a read-modify-write', () => {
    const writer = (memory: ThreadMemory) => {
      memory.add(0, 1);
      write(memory, 0, 5);
    };
    const by = (recheck: (memory: ThreadMemory) => number) => (memory: ThreadMemory) => {
      const value = read(memory, 0);
      return [value, recheck(memory)].join('/');
    };
    const loaded = by((memory) => memory.load(0));
    const added = by((memory) => memory.add(0, 0));
    expect(outcomes({ threads: [thread(writer), thread(loaded)] })).toContain('undefined 5/0');
    expect(outcomes({ threads: [thread(writer), thread(added)] })).not.toContain('undefined 5/0');
  });

  it('keeps accesses to one cell in order', () => {
    const run = (memory: ThreadMemory) => {
      write(memory, 0, 1);
      write(memory, 0, 2);
      return read(memory, 0);
    };
    expect(outcomes({ threads: [thread(run)] })).toEqual(['2']);
  });

  it('either loses or keeps the issued accesses of a killed thread', () => {
    const writer = { ...thread((memory) => (write(memory, 0, 1), memory.add(0, 1))), mayBeKilled: true };
    const heir = thread((memory) => {
      memory.awaitEnd(0);
      const value = read(memory, 0);
      memory.add(1, 0);
      return value;
    });
    expect(outcomes({ threads: [writer, heir] })).toEqual(['0 1', 'killed 0', 'killed 1']);
  });
});

describe('explore() reports errors', () => {
  it('reports a lost update with the events that lead to it', () => {
    const increment = (memory: ThreadMemory) => {
      memory.store(0, memory.load(0) + 1);
    };
    const { violation, exhausted } = explore(
      program({
        threads: [thread(increment, 'one'), thread(increment, 'two')],
        check: ({ integers: [count] }) => (count === 2 ? undefined : `counted ${count}`),
      }),
    );
    expect(exhausted).toBe(false);
    expect(violation?.problem).toBe('counted 1');
    expect(violation?.events).toEqual([
      'one: load {"cell":0}',
      'two: load {"cell":0}',
      'one: store {"cell":0,"value":1}',
      'two: store {"cell":0,"value":1}',
    ]);
  });

  it('reports a thread that waits for ever', () => {
    const threads = [thread((memory) => memory.awaitEnd(1), 'one'), thread((memory) => memory.awaitEnd(0), 'two')];
    expect(explore(program({ threads })).violation?.problem).toBe('one waits for ever');
  });

  it.each([
    ['more', (value: number) => (value === 5 ? 1 : 0)],
    ['fewer', (value: number) => (value === 5 ? 0 : 1)],
  ])('a thread that decides by a plain read before it has happened, and would do %s', (_what, loads) => {
    const decide = thread((memory) => {
      const [value] = read(memory, 0);
      for (let i = 0; i < loads(value); i++) write(memory, 1, 1);
    }, 'one');
    const { violation } = explore(program({ numbers: [5, 0], threads: [decide] }));
    expect(violation?.problem).toBe('one went on by a value that it had not read yet');
  });

  it('reports an error that the code throws', () => {
    const fail = thread((memory) => {
      if (memory.load(0) === 0) throw new Error('broken');
    });
    expect(() => explore(program({ threads: [fail] }))).toThrow('broken');
  });
});

describe('explore() with planted defects of shared figures', () => {
  /** Publishes 1, then 2, in two numbers each. */
  const seqlockWriter = (memory: ThreadMemory) => {
    for (const value of [1, 2]) {
      memory.add(0, 1);
      memory.copyIn(0, Float64Array.of(value, value), 0, 2);
      memory.add(0, 1);
    }
  };
  const seqlockReader = (memory: ThreadMemory) => {
    const target = new Float64Array(2);
    for (let attempt = 0; attempt < 5; attempt++) {
      const before = memory.load(0);
      if (before % 2 === 1) continue;
      memory.copyOut(0, target, 0, 2);
      if (memory.add(0, 0) === before) return target;
    }
    return 'gave up';
  };
  const doubleWriter = (flip: (memory: ThreadMemory, sequence: number) => unknown) => (memory: ThreadMemory) => {
    for (const value of [1, 2]) {
      memory.copyIn((value & 1) * 2, Float64Array.of(value, value), 0, 2);
      flip(memory, value);
    }
  };
  const doubleReader = (recheck: (memory: ThreadMemory, before: number) => number) => (memory: ThreadMemory) => {
    const target = new Float64Array(2);
    for (let attempt = 0; attempt < 5; attempt++) {
      const before = memory.load(0);
      memory.copyOut((before & 1) * 2, target, 0, 2);
      if (recheck(memory, before) === before) return target;
    }
    return 'gave up';
  };
  const add = (memory: ThreadMemory) => memory.add(0, 1);
  const recheckByAdd = (memory: ThreadMemory) => memory.add(0, 0);

  function judge(
    writer: (memory: ThreadMemory) => unknown,
    reader: (memory: ThreadMemory) => unknown,
    killed: boolean,
  ) {
    return explore({
      integers: [0],
      numbers: [0, 0, 0, 0],
      threads: [
        { name: 'writer', run: writer, mayBeKilled: killed },
        { name: 'reader', run: reader },
      ],
      check: ({ threads: [, outcome] }) => {
        if (outcome.killed) return 'the reader was killed, but only the writer may be';
        if (!(outcome.value instanceof Float64Array)) return 'the reader gave up';
        const [one, other] = outcome.value;
        return one === other ? undefined : `torn: ${one} and ${other}`;
      },
    });
  }

  it('finds that a sequence lock with a killed writer blocks its readers', () => {
    expect(judge(seqlockWriter, seqlockReader, true).violation?.problem).toBe('the reader gave up');
  });

  it('finds torn reads of two copies without a recheck', () => {
    const reader = doubleReader((_memory, before) => before);
    expect(judge(doubleWriter(add), reader, false).violation?.problem).toMatch(/^torn/);
  });

  it('finds torn reads of two copies that are rechecked by a load', () => {
    const reader = doubleReader((memory) => memory.load(0));
    expect(judge(doubleWriter(add), reader, false).violation?.problem).toMatch(/^torn/);
  });

  it('finds torn reads of two copies that are flipped by a store', () => {
    const writer = doubleWriter((memory, sequence) => memory.store(0, sequence));
    expect(judge(writer, doubleReader(recheckByAdd), false).violation?.problem).toMatch(/^torn/);
  });

  it('finds nothing for two copies that are flipped and rechecked by read-modify-write, even with kills', () => {
    const { exhausted, interleavings } = judge(doubleWriter(add), doubleReader(recheckByAdd), true);
    expect(exhausted).toBe(true);
    expect(interleavings).toBeGreaterThan(10_000n);
  });

  /** Claims a slot; the thread that gets it publishes only its own number. */
  const claimByLoad = (token: number) => (memory: ThreadMemory) => {
    if (memory.load(0) !== 0) return 'taken';
    memory.store(0, token);
    return 'mine';
  };
  const claim = (memory: ThreadMemory, token: number) => memory.compareExchange(0, 0, token) === 0;
  const owners = ({ threads }: Parameters<Program['check']>[0]) => {
    const count = threads.filter((outcome) => !outcome.killed && outcome.value === 'mine').length;
    return count > 1 ? `${count} owners` : undefined;
  };

  it('finds two owners of a slot that is claimed by a load and a store', () => {
    const threads = [thread(claimByLoad(1)), thread(claimByLoad(2))];
    expect(explore(program({ threads, check: owners })).violation?.problem).toBe('2 owners');
  });

  /** The first thread claims and closes; a second takes the slot; the end of the first is detected late; a third requests the slot. */
  const lateRelease = (release: (memory: ThreadMemory) => unknown) =>
    explore(
      program({
        threads: [
          {
            name: 'first',
            mayBeKilled: true,
            run: (memory) => {
              claim(memory, 1);
              memory.compareExchange(0, 1, 0);
            },
          },
          thread((memory) => (claim(memory, 2) ? 'mine' : 'taken'), 'second'),
          thread((memory) => (memory.awaitEnd(0), release(memory)), 'parent'),
          thread((memory) => (claim(memory, 3) ? 'mine' : 'taken'), 'third'),
        ],
        check: owners,
      }),
    );

  it('finds two owners of a slot when a release does not check the owner', () => {
    expect(lateRelease((memory) => memory.store(0, 0)).violation?.problem).toBe('2 owners');
    expect(lateRelease((memory) => memory.compareExchange(0, 1, 0)).exhausted).toBe(true);
  });
});
