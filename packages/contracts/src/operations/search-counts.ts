import { own } from '../options.js';

/**
 * Numbers of rows of a search with codes or another companion, by how closely it looked at them. For several queries, and for a request
 * that was answered in pieces, they are sums: of those pieces that were searched with codes. A request that one pass answered together with
 * others has its share of the counts of the pass.
 */
export interface SearchCounts {
  /** Rows that were considered. The upper half of each code was read, except where {@link way} says otherwise. */
  readonly scanned: number;
  /** Rows of which the whole code was read. */
  readonly examined: number;
  /** Rows that were read themselves, to compute their score. */
  readonly rescored: number;
  /**
   * The slowest way that had to be taken for some of the rows, because the codes excluded too few: `'whole-codes'` reads all of each code
   * at once, `'scan'` computes every score. Absent if half of each code was enough to begin with.
   */
  readonly way?: SearchWay | undefined;
}

export type SearchWay = 'whole-codes' | 'scan';

/** Sets the counts of an output, or removes those of an earlier request. Most outputs have none and stay as they are. */
export function setSearch(output: { search?: SearchCounts | undefined }, search: SearchCounts | undefined): void {
  if (search !== undefined || output.search !== undefined) output.search = search;
}

/** The counts of several pieces of a search together. */
export function addSearches(
  first: SearchCounts | undefined,
  second: SearchCounts | undefined,
): SearchCounts | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const way = first.way === 'scan' || second.way === 'scan' ? 'scan' : (first.way ?? second.way);
  return {
    scanned: first.scanned + second.scanned,
    examined: first.examined + second.examined,
    rescored: first.rescored + second.rescored,
    ...(way === undefined ? {} : { way }),
  };
}

/** A copy of the counts that a backend wrote to an output; undefined if they are none. */
export function searchOf(output: object): SearchCounts | undefined {
  if (ArrayBuffer.isView(output)) return undefined;
  try {
    const given = own(output as { readonly search?: SearchCounts | undefined }, 'search');
    if (typeof given !== 'object' || given === null) return undefined;
    const { scanned, examined, rescored, way } = given;
    if (!isCount(scanned) || !isCount(examined) || !isCount(rescored)) return undefined;
    const isWay = way === 'whole-codes' || way === 'scan';
    return isWay ? { scanned, examined, rescored, way } : { scanned, examined, rescored };
  } catch {
    // A getter of the backend has thrown. The answer is right without the counts.
    return undefined;
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
