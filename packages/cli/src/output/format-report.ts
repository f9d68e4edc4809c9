import type { BackendDescription, DecisionReason } from 'gearshift';
import { nameLevel } from './name-level.js';
import { oneLine } from './one-line.js';
import type { RunFacts, TextSearchReport, VectorSearchReport } from './search-report.js';

/** Longer passages are cut in the terminal; `--json` has all lines. */
const MAX_SHOWN_LINES = 8;

export const REASONS: Readonly<Record<DecisionReason, string>> = {
  forced: 'it was requested, or is the only device',
  unsupported: 'no other device supports the request',
  'too-small': 'the request is too small for a GPU',
  'no-device': 'there is no GPU backend',
  'device-dead': 'the GPU was lost',
  'breaker-open': 'the GPU failed too often',
  probe: 'a failed GPU is tried again',
  'predicted-faster': 'it is predicted to finish first',
  resident: 'it already has the data',
  'invest-upload': 'uploading the data pays off over several requests',
  explore: 'to measure its speed again',
  calibrating: 'its speed is not known yet',
  memory: 'the GPU has too little memory',
  queue: 'the other device is busy',
  deadline: 'only it can meet the deadline',
  'speedup-low': 'the GPU is not faster',
  'success-low': 'the GPU fails too often',
};

/** The report of a search over text, for a person. */
export function formatTextReport(report: TextSearchReport, searched: string, device: BackendDescription): string {
  const results = report.results.map(({ score, file, line, text }, index) => {
    const lines = text.split('\n');
    const shown = lines.slice(0, MAX_SHOWN_LINES).map((shownLine) => `   | ${shownLine}`.trimEnd());
    if (lines.length > MAX_SHOWN_LINES) shown.push(`   | ... (${lines.length - MAX_SHOWN_LINES} more lines)`);
    return `${index + 1}. ${formatScore(score)}  ${oneLine(file)}:${line}\n${shown.join('\n')}\n`;
  });
  return `"${oneLine(report.query)}" in ${oneLine(searched)}\n\n${results.join('\n')}\n${formatFacts(report, device)}`;
}

/** The report of a search over vectors, for a person. */
export function formatVectorReport(report: VectorSearchReport, searched: string, device: BackendDescription): string {
  const rows = report.results.map(({ query, row, score }) => `query ${query}  row ${row}  ${formatScore(score)}\n`);
  return `${oneLine(report.query)} in ${oneLine(searched)}\n\n${rows.join('')}\n${formatFacts(report, device)}`;
}

/** The device, the time and the reason in one sentence, and the limitations of the device. `--json` has all figures. */
function formatFacts({ backend, decision, latencyMs }: RunFacts, device: BackendDescription): string {
  const { threads, source, limitations } = device;
  const details = [
    device.device,
    nameLevel(device),
    threads === undefined ? undefined : `${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    `${source} build`,
  ].filter((detail) => detail !== undefined);
  const lines = [
    `Answered by ${backend} in ${formatNumber(latencyMs)} ms because ${REASONS[decision.reason]}: ${details.join(', ')}.`,
    ...limitations.map((limitation) => `  ${limitation}`),
  ];
  return `${lines.map(oneLineKeepingIndent).join('\n')}\n`;
}

function formatScore(score: number): string {
  return Number.isNaN(score) ? 'NaN' : score.toFixed(4);
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
}

function oneLineKeepingIndent(line: string): string {
  return `${/^ */.exec(line)?.[0] ?? ''}${oneLine(line)}`;
}
