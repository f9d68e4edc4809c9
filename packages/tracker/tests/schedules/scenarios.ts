import type { Outcome, Program, ProgramThread, ThreadMemory } from '@gearshift/schedule-explorer';
import { claimSlot, releaseOwner, releaseSlot, type OwnershipCells } from '../../src/protocol/ownership.js';
import { publishBlock, readBlock, type Block, type BlockShape } from '../../src/protocol/publication.js';

/** What is explored: the product's own functions, or a variant with a defect that has to be found. */
export interface Protocol {
  readonly publishBlock: typeof publishBlock;
  readonly readBlock: typeof readBlock;
  readonly claimSlot: typeof claimSlot;
  readonly releaseSlot: typeof releaseSlot;
  readonly releaseOwner: typeof releaseOwner;
}

export const PRODUCT: Protocol = { publishBlock, readBlock, claimSlot, releaseSlot, releaseOwner };

/*
 * The protocol in situations small enough for every interleaving. Figures are
 * [count, low, end, count again, sparse, sparse]: publication `count` has the sparse figure `count & 1`, so two different
 * publications differ in every field, and in which sparse figures count.
 */
const SHAPE: BlockShape = { denseCount: 4, ranges: [{ at: 4, lowField: 1, endField: 2 }], copyCells: 6 };

function figuresOf(count: number): Float64Array {
  const figures = Float64Array.of(count, count & 1, (count & 1) + 1, count, NaN, NaN);
  figures[4 + (count & 1)] = count;
  return figures;
}

/** What is wrong with figures, if anything. Nothing published yet is all zeros, with an empty range. */
function problemOf(figures: Float64Array | readonly number[]): string | undefined {
  const [count, low, end, again] = figures;
  const whole =
    count === 0
      ? low === 0 && end === 0 && again === 0
      : again === count && low === (count & 1) && end === low + 1 && figures[4 + low] === count;
  return whole ? undefined : `torn: ${[...figures].join(' ')}`;
}

interface Cells {
  readonly ownership: OwnershipCells;
  readonly blocks: readonly Block[];
  readonly integers: readonly number[];
  readonly numbers: readonly number[];
}

function layOut(slotCount: number): Cells {
  const blocks = Array.from({ length: slotCount }, (_, slot) => ({
    sequenceCell: 1 + slotCount + slot,
    dataCell: slot * 2 * SHAPE.copyCells,
  }));
  return {
    ownership: { highWaterCell: 0, firstOwnerCell: 1, slotCount },
    blocks,
    integers: new Array<number>(1 + 2 * slotCount).fill(0),
    numbers: new Array<number>(slotCount * 2 * SHAPE.copyCells).fill(0),
  };
}

function reading(protocol: Protocol, memory: ThreadMemory, block: Block): Float64Array {
  const figures = new Float64Array(SHAPE.copyCells);
  if (protocol.readBlock(memory, SHAPE, block, figures) === undefined) throw new Error('overtaken in every attempt');
  return figures;
}

/**
 * One writer, `readers` that read `reads` times each: every reading is whole, none is older than the one before, and at the
 * end what counts is the last publication.
 */
export function publication(publications: number, readers: number, reads: number, protocol = PRODUCT): Program {
  const cells = layOut(1);
  const { blocks, integers, numbers } = cells;
  const [block] = blocks;
  const writer: ProgramThread = {
    name: 'writer',
    mayBeKilled: true,
    run: (memory) => {
      for (let count = 1; count <= publications; count++) protocol.publishBlock(memory, SHAPE, block, figuresOf(count));
    },
  };
  const reader = (index: number): ProgramThread => ({
    name: `reader ${index}`,
    run: (memory) => Array.from({ length: reads }, () => reading(protocol, memory, block)),
  });
  return {
    integers,
    numbers,
    threads: [writer, ...Array.from({ length: readers }, (_, index) => reader(index))],
    check: (outcome) => {
      for (const end of outcome.threads.slice(1)) {
        if (end.killed) return 'a reader was killed';
        const problem = checkReadings(end.value as Float64Array[]);
        if (problem !== undefined) return problem;
      }
      return checkCounts(cells, outcome);
    },
  };
}

function checkReadings(readings: readonly Float64Array[]): string | undefined {
  for (const [index, figures] of readings.entries()) {
    const problem = problemOf(figures);
    if (problem !== undefined) return problem;
    if (index > 0 && figures[0] < readings[index - 1][0]) return `went back to ${figures[0]}`;
  }
  return undefined;
}

/** Records once: what a thread does between its first record and its end. Says which slot it owns at the end. */
function write(
  protocol: Protocol,
  memory: ThreadMemory,
  { ownership, blocks }: Cells,
  token: number,
  closes: boolean,
): number | 'none' {
  const slot = protocol.claimSlot(memory, ownership, token);
  if (slot === undefined) return 'none';
  const inherited = new Float64Array(SHAPE.copyCells);
  protocol.readBlock(memory, SHAPE, blocks[slot], inherited);
  protocol.publishBlock(memory, SHAPE, blocks[slot], figuresOf(inherited[0] + 1));
  if (!closes) return slot;
  protocol.releaseSlot(memory, ownership, slot, token);
  return 'none';
}

/** Publications that counted, in every slot: each added one to what was there. */
function checkCounts(cells: Cells, { integers, numbers }: Outcome): string | undefined {
  for (const { sequenceCell, dataCell } of cells.blocks) {
    const sequence = integers[sequenceCell];
    const start = dataCell + (sequence & 1) * SHAPE.copyCells;
    const figures = numbers.slice(start, start + SHAPE.copyCells);
    const problem = problemOf(figures);
    if (problem !== undefined) return problem;
    if (figures[0] !== sequence) return `${sequence} publications counted as ${figures[0]}`;
  }
  return undefined;
}

/** No two threads share a slot, each owner is the one that its slot names, and no owned slot is out of the readers' sight. */
function checkOwners({ ownership }: Cells, outcome: Outcome, tokens: ReadonlyMap<number, number>): string | undefined {
  const owned = new Set<number>();
  for (const [thread, token] of tokens) {
    const end = outcome.threads[thread];
    if (end.killed || typeof end.value !== 'number') continue;
    if (owned.has(end.value)) return `slot ${end.value} has two owners`;
    owned.add(end.value);
    const owner = outcome.integers[ownership.firstOwnerCell + end.value];
    if (owner !== token) return `slot ${end.value} of ${token} says ${owner}`;
    if (outcome.integers[ownership.highWaterCell] <= end.value) return `slot ${end.value} is out of sight`;
  }
  return undefined;
}

/**
 * A writer that may be killed at any step, or closes; its parent, which releases its slots when it has ended; and
 * others that want a slot at any time. No count that was published is lost or doubled, and no two threads share a slot.
 *
 * @param readers that read the first slot at any time meanwhile.
 */
export function succession(
  options: { slots: number; successors: number; closes: boolean; readers: number },
  protocol = PRODUCT,
): Program {
  const cells = layOut(options.slots);
  const writer = (name: string, token: number, closes: boolean, mayBeKilled: boolean): ProgramThread => ({
    name,
    mayBeKilled,
    run: (memory) => write(protocol, memory, cells, token, closes),
  });
  const parent: ProgramThread = {
    name: 'parent',
    run: (memory) => {
      memory.awaitEnd(0);
      protocol.releaseOwner(memory, cells.ownership, 1);
    },
  };
  const reader = (_: unknown, index: number): ProgramThread => ({
    name: `reader ${index}`,
    run: (memory) => [reading(protocol, memory, cells.blocks[0])],
  });
  const successors = Array.from({ length: options.successors }, (_, index) =>
    writer(`successor ${index}`, 2 + index, false, false),
  );
  const readers = Array.from({ length: options.readers }, reader);
  const tokens = new Map(successors.map((_, index) => [2 + index, 2 + index]));
  return {
    integers: cells.integers,
    numbers: cells.numbers,
    threads: [writer('first', 1, options.closes, true), parent, ...successors, ...readers],
    check: (outcome) => {
      for (const { value } of outcome.threads.slice(2 + successors.length) as { value: Float64Array[] }[]) {
        const problem = checkReadings(value);
        if (problem !== undefined) return problem;
      }
      return checkCounts(cells, outcome) ?? checkOwners(cells, outcome, tokens);
    },
  };
}
