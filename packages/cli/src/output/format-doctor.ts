import type { BackendStatus } from 'gearshift';
import type { DoctorReport } from '../commands/doctor.js';
import { REASONS } from './format-report.js';
import { nameLevel } from './name-level.js';

const GIB = 2 ** 30;

/** The report of `gearshift doctor`, for a person. */
export function formatDoctorReport({ version, host, backends, choices, advice }: DoctorReport): string {
  const libc = host.libc === null ? '' : `, ${host.libc}`;
  const limit = host.limitBytes === null ? '' : `, of which this process may use ${gib(host.limitBytes)}`;
  const cpus = host.usableCpus === host.cpus ? `${host.cpus} CPUs` : `${host.usableCpus} of ${host.cpus} CPUs`;
  const lines = [
    `gearshift ${version}, Node ${host.node}`,
    `${host.platform} ${host.osRelease} on ${host.arch}${libc}`,
    `${host.cpu}, ${cpus}; ${gib(host.totalBytes)} of memory${limit}`,
    '',
    'Backends',
    ...backends.flatMap(describeBackend),
    '',
    'Decisions for top-k of 384 dimensions',
    ...choices.map(({ rows, queries, decision, latencyMs }) => {
      const what = `${rows} rows, ${queries} ${queries === 1 ? 'query' : 'queries'}`;
      return `  ${what.padEnd(24)} ${decision.backend}: ${REASONS[decision.reason]} (${latencyMs.toFixed(2)} ms, first run)`;
    }),
    '',
    ...(advice.length === 0 ? ['No problems found.'] : ['Notes', ...advice.map((line) => `  ${indent(line)}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

function describeBackend({ name, status, reason, description }: BackendStatus): string[] {
  if (description === null)
    return [`  ${name.padEnd(8)} ${status === 'failed' ? 'cannot be used' : 'not installed'}: ${indent(reason ?? '')}`];
  const { device, threads, driver, source, version } = description;
  const details = [
    nameLevel(description),
    threads === undefined ? undefined : `${threads} threads`,
    driver,
    `${source} ${version}`,
  ];
  return [`  ${name.padEnd(8)} ready: ${device} (${details.filter((detail) => detail !== undefined).join(', ')})`];
}

const indent = (text: string): string => text.replaceAll('\n', '\n  ');
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;
