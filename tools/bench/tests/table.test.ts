import { expect, it } from 'vitest';
import { formatTable } from '../src/table.mjs';

it('aligns numbers to the right and text to the left, and shows four digits', () => {
  const table = {
    title: 'Scan',
    columns: ['level', 'ns/row'],
    rows: [
      ['avx2', 21.53349],
      ['portable', 12345.6],
      ['none', null],
    ],
  };
  expect(formatTable(table)).toBe(
    ['Scan', 'level     ns/row', '--------  ------', 'avx2       21.53', 'portable   12346', 'none           -'].join(
      '\n',
    ),
  );
});
