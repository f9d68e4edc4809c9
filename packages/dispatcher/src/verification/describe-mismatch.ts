import type { Mismatch } from '@gearshift/contracts';

export function describeMismatch({ rule, query, row, got, expected, tolerance }: Mismatch): string {
  const where = `query ${query}, row ${row}`;
  switch (rule) {
    case 'score':
    case 'activation':
      return `wrong ${rule} (${where}): ${got}, expected ${expected} within ${tolerance}`;
    case 'order':
      return `wrong order (${where}): score ${got} ranks behind score ${expected}`;
    case 'row':
      return `a row that was not requested (query ${query}): ${row}`;
    case 'missing-row':
      return `a better row is missing (${where}): its score is ${expected} within ${tolerance}, the last one's is ${got}`;
  }
}
