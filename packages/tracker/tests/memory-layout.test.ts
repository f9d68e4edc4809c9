import { describe, expect, it } from 'vitest';
import { INTEGERS_PER_LINE, NUMBERS_PER_LINE, toWholeLines } from '../src/cache-line.js';
import { COMMON, DEVICE, layOutFigures } from '../src/figures-layout.js';
import { BUCKET_COUNT, DOUBLING_COUNT } from '../src/log-buckets.js';
import { layOut, type LayoutSize } from '../src/memory-layout.js';
import { ALWAYS_PUBLISHED, SUMS, SUMS_CELLS, SUMS_SHAPE } from '../src/sums-layout.js';

const LINE_BYTES = 64;

interface Part {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** All parts of the memory, in bytes. */
function partsOf(size: LayoutSize): Part[] {
  const layout = layOut(size);
  const { slotCount, operationCount, nameCount } = size;
  const integers = (name: string, cell: number, count: number): Part => ({
    name,
    start: cell * 4,
    end: (cell + count) * 4,
  });
  const numbers = (name: string, cell: number, count: number): Part => ({
    name,
    start: cell * 8,
    end: (cell + count) * 8,
  });
  const parts = [
    integers('high water', layout.ownership.highWaterCell, 1),
    integers('owners', layout.ownership.firstOwnerCell, slotCount),
    integers('names', layout.directory.firstNameCell, nameCount),
  ];
  for (let operation = 0; operation < operationCount; operation++) {
    parts.push(integers(`news of ${operation}`, layout.newsCell(operation), 1));
  }
  for (let slot = 0; slot < slotCount; slot++) {
    for (let operation = 0; operation < operationCount; operation++) {
      const { sequenceCell, dataCell } = layout.block(slot, operation);
      parts.push(integers(`sequence of ${slot}, ${operation}`, sequenceCell, 1));
      parts.push(numbers(`copies of ${slot}, ${operation}`, dataCell, 2 * layout.figures.length));
    }
    for (let place = 0; place < nameCount; place++) {
      const { sequenceCell, dataCell } = layout.sumsBlock(slot, place);
      parts.push(integers(`sums sequence of ${slot}, ${place}`, sequenceCell, 1));
      parts.push(numbers(`sums of ${slot}, ${place}`, dataCell, 2 * SUMS_CELLS));
    }
  }
  return parts.sort((one, other) => one.start - other.start);
}

const SIZES: readonly LayoutSize[] = [
  { slotCount: 1, operationCount: 1, deviceCount: 1, nameCount: 0 },
  { slotCount: 1, operationCount: 1, deviceCount: 3, nameCount: 1 },
  { slotCount: 16, operationCount: 3, deviceCount: 2, nameCount: 16 },
  { slotCount: 17, operationCount: 4, deviceCount: 5, nameCount: 33 },
  { slotCount: 5, operationCount: 2, deviceCount: 32, nameCount: 3 },
];

describe('the layout of shared memory', () => {
  it.each(SIZES)('each part of the memory for %o begins on a cache line that no other part uses', (size) => {
    const parts = partsOf(size).filter(({ start, end }) => end > start);
    for (const [index, { name, start }] of parts.entries()) {
      expect([name, start % LINE_BYTES]).toEqual([name, 0]);
      if (index > 0) expect(start).toBeGreaterThanOrEqual(parts[index - 1].end);
    }
  });

  it.each(SIZES)('the parts of the memory for %o fill it, with less than a cache line between two parts', (size) => {
    const parts = partsOf(size);
    let end = 0;
    for (const part of parts) {
      expect(part.start - end).toBeLessThan(LINE_BYTES);
      end = part.end;
    }
    expect(end).toBe(layOut(size).byteLength);
  });

  it('a count of cells is rounded up to whole cache lines', () => {
    expect([NUMBERS_PER_LINE, INTEGERS_PER_LINE]).toEqual([8, 16]);
    expect([0, 1, 8, 9].map((count) => toWholeLines(count, NUMBERS_PER_LINE))).toEqual([0, 8, 8, 16]);
  });
});

describe('the layout of figures', () => {
  it.each([1, 2, 3, 32])('every field, bucket and doubling of %i devices has an index of its own', (deviceCount) => {
    const { devices, length, shape } = layOutFigures(deviceCount);
    const indices: number[] = Object.values(COMMON);
    for (const { start } of devices) for (const field of Object.values(DEVICE)) indices.push(start + field);
    expect(Math.max(...indices)).toBe(shape.denseCount - 1);
    for (const { buckets, doublings } of devices) {
      for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) indices.push(buckets + bucket);
      for (let doubling = 0; doubling < DOUBLING_COUNT; doubling++) indices.push(doublings + doubling);
    }
    expect(new Set(indices).size).toBe(indices.length);
    expect(Math.max(...indices)).toBe(indices.length - 1);
    expect(length).toBe(toWholeLines(indices.length, NUMBERS_PER_LINE));
    expect(shape.copyCells).toBe(length);
  });

  it('a publication of figures copies the buckets and the doublings of each device within their bounds', () => {
    const { devices, shape } = layOutFigures(2);
    const [first, second] = devices;
    expect(shape.ranges).toEqual(
      [first, second].flatMap(({ start, buckets, doublings }) => [
        { at: buckets, lowField: start + DEVICE.bucketLow, endField: start + DEVICE.bucketEnd },
        { at: doublings, lowField: start + DEVICE.doublingLow, endField: start + DEVICE.doublingEnd },
      ]),
    );
  });
});

describe('the layout of sums', () => {
  it('the numbers of sums follow their range on a line of their own', () => {
    expect(SUMS).toEqual({ low: 0, end: 1, numbers: 8 });
    expect(SUMS_CELLS).toBe(8 + 256);
    expect(SUMS_SHAPE).toEqual({
      denseCount: 8 + ALWAYS_PUBLISHED,
      ranges: [{ at: 8, lowField: 0, endField: 1 }],
      copyCells: SUMS_CELLS,
    });
  });
});
