import type { InspectReport } from '../commands/inspect.js';
import { oneLine } from './one-line.js';

/** Tensors and columns that are listed; `--json` has all of them. */
const MAX_SHOWN_ENTRIES = 20;

/** The report of `gearshift inspect`, for a person. */
export function formatInspectReport(report: InspectReport): string {
  const { file, format, sizeBytes, rows, dimensions, dtype, scale, rowsNotFinite, entries, details, problem } = report;
  const lines = [oneLine(file), row('format', format ?? 'unknown')];
  if (sizeBytes !== null) lines.push(row('size', `${sizeBytes.toLocaleString('en-US')} bytes`));
  if (dimensions !== null) {
    const count = (rows ?? 0).toLocaleString('en-US');
    lines.push(
      row('vectors', `${count} rows x ${dimensions} dimensions, ${dtype}${scale === null ? '' : `, scale ${scale}`}`),
    );
    lines.push(row('bytes of a row', String(bytesOfRow(dtype, dimensions))));
  }
  for (const [name, value] of Object.entries(details)) lines.push(row(name, oneLine(String(value))));
  if (rowsNotFinite !== null && rowsNotFinite > 0)
    lines.push(row('not finite', `${rowsNotFinite} rows have a NaN or an infinite value`));
  if (entries.length > 1) {
    lines.push('', 'Contents:');
    for (const { name, type, shape } of entries.slice(0, MAX_SHOWN_ENTRIES)) {
      lines.push(`  ${oneLine(name ?? '')}  ${oneLine(type)}${shape === undefined ? '' : ` [${shape.join(', ')}]`}`);
    }
    if (entries.length > MAX_SHOWN_ENTRIES) lines.push(`  ... (${entries.length - MAX_SHOWN_ENTRIES} more)`);
  }
  if (problem === null && dimensions === null) {
    lines.push('', 'Several of them hold vectors: choose one with --tensor or --column to check it.');
    return `${lines.join('\n')}\n`;
  }
  lines.push('', problem === null ? 'No problems found.' : `Problem: ${oneLine(problem.message)}`);
  return `${lines.join('\n')}\n`;
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(16)}${value}`;
}

function bytesOfRow(dtype: string | null, dimensions: number): number {
  const bits = Number(/\d+$/.exec(dtype ?? '')?.[0] ?? 0);
  return (dimensions * bits) / 8;
}
