import { interleave } from '../interleave.mjs';
import { medianDifferenceNs } from '../take-turns.mjs';
import { openFacades } from './facade-executors.mjs';
import { createFacadeJobs } from './facade-jobs.mjs';

const WAYS = [
  { way: 'sync', title: 'Synchronous calls', direct: 'backend.*Sync' },
  { way: 'async', title: 'Asynchronous calls, the work inline', direct: 'await backend.*' },
  { way: 'into', title: 'executor.run, into an output of the caller', direct: 'await backend.*' },
];

/** D4: the cost of the whole facade in addition to a call of the CPU backend, with and without a GPU that is not chosen. */
export async function measureFacade({ rounds, turnMs }) {
  const facades = await openFacades();
  const jobs = await createFacadeJobs(facades.cpu, facades.alone);
  await facades.warmUp(jobs);
  const costs = [];
  const tables = [];
  const calledBefore = facades.gpuCalls();
  for (const { way, title, direct } of WAYS) {
    const rows = [];
    for (const job of jobs) {
      const [backend, alone, besideGpu] = await interleave(
        [
          { name: 'backend', run: job.direct[way] },
          { name: 'alone', run: job.through(facades.alone)[way] },
          { name: 'besideGpu', run: job.through(facades.besideGpu)[way] },
        ],
        { rounds, turnMs },
      );
      const aloneNs = medianDifferenceNs(alone, backend);
      const besideGpuNs = medianDifferenceNs(besideGpu, backend);
      costs.push({ way, job: job.name, aloneNs, besideGpuNs });
      const fastest = [alone.minNs - backend.minNs, besideGpu.minNs - backend.minNs];
      rows.push([job.name, backend.medianNs, aloneNs, fastest[0], besideGpuNs, fastest[1]]);
    }
    tables.push({
      title: `${title}, ns`,
      columns: ['request', direct, 'CPU alone: more', 'fastest rounds', 'beside a GPU: more', 'fastest rounds '],
      rows,
    });
  }
  const gpuCalls = facades.gpuCalls() - calledBefore;
  await facades.close();
  return { costs, tables, gpuCalls };
}
