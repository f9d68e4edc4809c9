/**
 * A table as aligned text: numbers to the right, everything else to the left.
 *
 * @param {{ title: string, columns: readonly string[], rows: readonly (readonly unknown[])[] }} table
 * @returns {string} without a final newline
 */
export function formatTable({ title, columns, rows }) {
  const cells = rows.map((row) => columns.map((_, column) => formatCell(row[column])));
  const widths = columns.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column].length)));
  const toRight = columns.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (row) =>
    row
      .map((cell, column) => (toRight[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd();
  return [title, line(columns), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)].join('\n');
}

/** Four significant digits, because a noisy machine is not more precise; the JSON file keeps the full figures. */
export function formatCell(value) {
  if (value === null || value === undefined) return '-';
  if (typeof value !== 'number') return String(value);
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}
