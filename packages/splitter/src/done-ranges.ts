/** Items `[start, end)`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Ranges that are done: ascending, with gaps between them. */
export class DoneRanges {
  readonly #ranges: { start: number; end: number }[];

  constructor(ranges: readonly Range[] = []) {
    this.#ranges = ranges.map(({ start, end }) => ({ start, end }));
  }

  /** Adds a range that overlaps none of those here. */
  add(start: number, end: number): void {
    if (start === end) return;
    const ranges = this.#ranges;
    // Chunks are done in ascending order, so the place is near the end.
    let at = ranges.length;
    while (at > 0 && ranges[at - 1].start > start) at--;
    const joinsBefore = at > 0 && ranges[at - 1].end === start;
    const joinsAfter = at < ranges.length && ranges[at].start === end;
    if (joinsBefore && joinsAfter) {
      ranges[at - 1].end = ranges[at].end;
      ranges.splice(at, 1);
    } else if (joinsBefore) ranges[at - 1].end = end;
    else if (joinsAfter) ranges[at].start = start;
    else ranges.splice(at, 0, { start, end });
  }

  /** Items in all ranges together. */
  get count(): number {
    let count = 0;
    for (const { start, end } of this.#ranges) count += end - start;
    return count;
  }

  toArray(): Range[] {
    return this.#ranges.map(({ start, end }) => ({ start, end }));
  }

  /** The parts of `[0, total)` that are not done. */
  remaining(total: number): Range[] {
    const gaps: Range[] = [];
    let position = 0;
    for (const { start, end } of this.#ranges) {
      if (start > position) gaps.push({ start: position, end: start });
      position = end;
    }
    if (position < total) gaps.push({ start: position, end: total });
    return gaps;
  }
}
