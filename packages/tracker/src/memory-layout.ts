import { INTEGERS_PER_LINE, toWholeLines } from './cache-line.js';
import { layOutFigures, type FiguresLayout } from './figures-layout.js';
import type { DirectoryCells } from './protocol/directory.js';
import type { OwnershipCells } from './protocol/ownership.js';
import type { Block } from './protocol/publication.js';
import { SUMS_CELLS } from './sums-layout.js';

/** Raised with every change of the layout of shared memory: threads may have different versions of the package. */
export const LAYOUT_VERSION = 5;

/** What the layout depends on. */
export interface LayoutSize {
  readonly slotCount: number;
  readonly operationCount: number;
  readonly deviceCount: number;
  /** Names of sums. */
  readonly nameCount: number;
}

/**
 * The layout of shared memory: the owners of the slots; the names of sums; the counts of publications of each operation and
 * each block, one cache line each; the copies.
 */
export interface MemoryLayout {
  readonly byteLength: number;
  readonly figures: FiguresLayout;
  readonly ownership: OwnershipCells;
  readonly directory: DirectoryCells;
  /** The cell that counts the publications of all writers about one operation: while it does not change, no block has to be read. */
  newsCell(operation: number): number;
  /** The block of one slot for one operation. */
  block(slot: number, operation: number): Block;
  /** The block of one slot for the sums at one place of the directory. */
  sumsBlock(slot: number, place: number): Block;
}

export function layOut({ slotCount, operationCount, deviceCount, nameCount }: LayoutSize): MemoryLayout {
  const figures = layOutFigures(deviceCount);
  const firstOwnerCell = INTEGERS_PER_LINE;
  const firstNameCell = toWholeLines(firstOwnerCell + slotCount, INTEGERS_PER_LINE);
  const firstNewsCell = toWholeLines(firstNameCell + nameCount, INTEGERS_PER_LINE);
  const firstSequenceCell = firstNewsCell + operationCount * INTEGERS_PER_LINE;
  const blockCount = slotCount * operationCount;
  const sumsCount = slotCount * nameCount;
  const firstSumsSequenceCell = firstSequenceCell + blockCount * INTEGERS_PER_LINE;
  const firstDataCell = (firstSumsSequenceCell + sumsCount * INTEGERS_PER_LINE) / 2;
  const firstSumsDataCell = firstDataCell + blockCount * 2 * figures.length;
  return {
    byteLength: (firstSumsDataCell + sumsCount * 2 * SUMS_CELLS) * Float64Array.BYTES_PER_ELEMENT,
    figures,
    ownership: { highWaterCell: 0, firstOwnerCell, slotCount },
    directory: { firstNameCell, nameCount },
    newsCell: (operation) => firstNewsCell + operation * INTEGERS_PER_LINE,
    block: (slot, operation) => {
      const index = slot * operationCount + operation;
      return {
        sequenceCell: firstSequenceCell + index * INTEGERS_PER_LINE,
        dataCell: firstDataCell + index * 2 * figures.length,
      };
    },
    sumsBlock: (slot, place) => {
      const index = slot * nameCount + place;
      return {
        sequenceCell: firstSumsSequenceCell + index * INTEGERS_PER_LINE,
        dataCell: firstSumsDataCell + index * 2 * SUMS_CELLS,
      };
    },
  };
}
