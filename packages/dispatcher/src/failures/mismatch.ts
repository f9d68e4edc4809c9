/** Where a result is not what it has to be: plain data. */
export interface Mismatch {
  readonly rule: 'score' | 'order' | 'row' | 'missing-row' | 'activation';
  /** Number of the query; 0 for spreading. */
  readonly query: number;
  /** The row of the matrix or the node of the graph. */
  readonly row: number;
  /** What came. */
  readonly got: number;
  /** What it has to be, in double precision, and how far off float32 may be. */
  readonly expected: number;
  readonly tolerance: number;
}

export function describeMismatch({ rule, query, row, got, expected, tolerance }: Mismatch): string {
  const where = `query ${query}, row ${row}`;
  switch (rule) {
    case 'score':
    case 'activation':
      return `wrong ${rule} (${where}): ${got}, expected ${expected} within ${tolerance}`;
    case 'order':
      return `wrong order (${where}): score ${got} ranks behind score ${expected}`;
    case 'row':
      return `a row that was not asked for (query ${query}): ${row}`;
    case 'missing-row':
      return `a better row is missing (${where}): its score is ${expected} within ${tolerance}, the last one's is ${got}`;
  }
}
