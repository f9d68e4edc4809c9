import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROBE = fileURLToPath(new URL('./allocation-probe.mjs', import.meta.url));
const FLAGS = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'];

/** For information: the allocations of single calls, counted in a separate process without garbage collections. */
export async function measureAllocation({ calls }) {
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, PROBE, String(calls)]);
  const { facade, policy } = JSON.parse(stdout);
  const rows = facade.map(({ job, way, backendBytes, aloneBytes, besideGpuBytes }) => [
    job,
    way === 'into' ? 'run, own output' : way,
    Math.round(backendBytes),
    Math.round(aloneBytes),
    Math.round(besideGpuBytes),
  ]);
  return [
    {
      title: 'Allocated on the JavaScript heap by one call, bytes',
      columns: ['request', 'call', 'backend', 'CPU alone', 'CPU beside a GPU'],
      rows,
    },
    {
      title: 'Allocated by the adaptive policy, bytes',
      columns: ['call', 'bytes'],
      rows: [
        ['decide', policy.decideBytes],
        ['observe', policy.observeBytes],
      ],
    },
  ];
}
