import type { BackendDescription, DecisionReason } from 'gearshift';
import { oneLine, printable } from './one-line.js';
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
    const lines = printable(text).split('\n');
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

function formatFacts({ backend, decision, latencyMs, snapshot }: RunFacts, device: BackendDescription): string {
  const { level, threads, source, limitations } = device;
  const details = [
    device.device,
    level,
    threads === undefined ? undefined : `${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    `${source} build`,
  ].filter((detail) => detail !== undefined);
  const lines = [
    `Answered by ${backend}: ${details.join(', ')}`,
    ...limitations.map((limitation) => `  ${limitation}`),
    `Reason     ${decision.reason}: ${REASONS[decision.reason]} (policy ${decision.policy})`,
    `Latency    ${formatNumber(latencyMs)} ms`,
    `Snapshot   ${formatSnapshot(snapshot)}`,
  ];
  return `${lines.map(oneLineKeepingIndent).join('\n')}\n`;
}

/** The figures of a snapshot on one line, counters that are 0 left out; `--json` has everything. */
function formatSnapshot(snapshot: RunFacts['snapshot']): string {
  const { decisions, ...figures } = snapshot;
  const measured = Object.entries(figures).flatMap(([name, value]) =>
    typeof value === 'number' ? [[name, value] as const] : [],
  );
  const counted = Object.entries(decisions).filter(([, count]) => count > 0);
  return [...measured, ...counted.map(([reason, count]) => [`decisions.${reason}`, count] as const)]
    .map(([name, value]) => `${name} ${formatNumber(value)}`)
    .join(', ');
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
