import type { SearchCounts } from '@gearshift/contracts';
import { countRows } from '@gearshift/contracts/internal';
import type { Piece } from './scan-pieces.js';

/** Counts how rankings used a companion. */
export class SearchCounter {
  #scanned = 0;
  #examined = 0;
  #rescored = 0;
  #isScan = false;

  /** Codes left this many rows of the pieces for a score. */
  addCertified(pieces: readonly Piece[], queries: number, left: number): void {
    const considered = queries * consideredRows(pieces);
    this.#scanned += considered;
    this.#examined += considered;
    this.#rescored += queries * left;
  }

  /** Every row of the pieces was scored. */
  addScan(pieces: readonly Piece[], queries: number): void {
    const considered = queries * consideredRows(pieces);
    this.#scanned += considered;
    this.#rescored += considered;
    this.#isScan = true;
  }

  /** Whether a companion was used. */
  get isUsed(): boolean {
    return this.#scanned > 0;
  }

  counts(): SearchCounts | undefined {
    if (!this.isUsed) return undefined;
    const counts = { scanned: this.#scanned, examined: this.#examined, rescored: this.#rescored };
    return { ...counts, way: this.#isScan ? 'scan' : 'whole-codes' };
  }
}

function consideredRows(pieces: readonly Piece[]): number {
  let rows = 0;
  for (const { start, stop, selected, wordBase } of pieces) {
    rows += selected === undefined ? stop - start : countRows(selected, start - wordBase, stop - wordBase);
  }
  return rows;
}
