import type { Outcome, Program, ProgramThread } from '@gearshift/schedule-explorer';
import { placeOf, type DirectoryCells } from '../../src/protocol/directory.js';

interface NamingOptions {
  readonly places: number;
  /** The hashes that each thread asks for, one after another. Every name begins to look at the same place. */
  readonly threads: readonly (readonly number[])[];
  /** The hashes that a last thread asks for when all of these have ended, in good order or not. */
  readonly latecomer: readonly number[];
}

type Places = readonly (number | undefined)[];

/**
 * Threads that look names up, each of which may be killed at any step, and a latecomer. Every thread that asks for a name gets
 * the same place, which no other name has; no thread is refused while there is room, and no place is lost.
 */
export function naming({ places, threads, latecomer }: NamingOptions, findPlace = placeOf): Program {
  const cells: DirectoryCells = { firstNameCell: 0, nameCount: places };
  const thread = (hashes: readonly number[], index: number): ProgramThread => ({
    name: `thread ${index}`,
    mayBeKilled: true,
    run: (memory) => hashes.map((hash) => findPlace(memory, cells, hash)),
  });
  const late: ProgramThread = {
    name: 'latecomer',
    run: (memory) => {
      for (const index of threads.keys()) memory.awaitEnd(index);
      return latecomer.map((hash) => findPlace(memory, cells, hash));
    },
  };
  const asked = [...threads, latecomer];
  return {
    integers: new Array<number>(places).fill(0),
    numbers: [],
    threads: [...threads.map(thread), late],
    check: (outcome) => checkDirectory(outcome, asked) ?? checkAnswers(outcome, asked),
  };
}

/** Every name that is there was asked for, and is there once; free places come last. */
function checkDirectory({ integers }: Outcome, asked: readonly (readonly number[])[]): string | undefined {
  const known = new Set(asked.flat());
  const taken = integers.filter((hash) => hash !== 0);
  if (new Set(taken).size !== taken.length) return `a name has two places: ${integers.join(' ')}`;
  if (taken.some((hash) => !known.has(hash))) return `no thread asked for one of ${taken.join(' ')}`;
  if (integers.slice(0, taken.length).includes(0)) return `a place was lost: ${integers.join(' ')}`;
  return undefined;
}

function checkAnswers({ threads, integers }: Outcome, asked: readonly (readonly number[])[]): string | undefined {
  for (const [index, end] of threads.entries()) {
    if (end.killed) continue;
    for (const [which, place] of (end.value as Places).entries()) {
      const hash = asked[index][which];
      // Names never leave: a place that is free at the end, or this name's, was to be had at any time.
      if (place === undefined) {
        if (integers.some((other) => other === 0 || other === hash))
          return `${hash} was refused although there is room`;
      } else if (integers[place] !== hash) {
        return `${hash} got place ${place}, which is that of ${integers[place]}`;
      }
    }
  }
  return undefined;
}
