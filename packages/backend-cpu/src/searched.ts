import type { SearchCounts } from '@gearshift/contracts';

/** How a ranking used codes, as the addon counts it: see `TopKDone`. */
export class Searched {
  #scanned = 0;
  #examined = 0;
  #rescored = 0;
  #whole = 0;
  #plain = 0;
  #lacksCodes = false;

  /** Adds what one call of the addon says. */
  add(scanned = 0, examined = 0, rescored = 0, whole = 0, plain = 0): void {
    if (scanned < 0) {
      this.#lacksCodes = true;
      return;
    }
    this.#scanned += scanned;
    this.#examined += examined;
    this.#rescored += rescored;
    this.#whole += whole;
    this.#plain += plain;
  }

  /** Whether codes would have made it faster, but the matrix has none. */
  get lacksCodes(): boolean {
    return this.#lacksCodes;
  }

  /** Undefined if all of it was a scan. */
  counts(): SearchCounts | undefined {
    if (this.#scanned === 0) return undefined;
    const counts = { scanned: this.#scanned, examined: this.#examined, rescored: this.#rescored };
    if (this.#plain > 0) return { ...counts, way: 'scan' };
    return this.#whole > 0 ? { ...counts, way: 'whole-codes' } : counts;
  }
}
