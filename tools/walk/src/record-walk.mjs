import { recordCalls } from './call-recorder.mjs';
import { goalFor } from './goals.mjs';
import { openScenario } from './scenario.mjs';
import { startSteadyTime } from './steady-time.mjs';

/** Requests before the recorded one: the operand is resident then, and the policy knows a lone CPU so well that it rarely learns. */
export const WARM_UP_REQUESTS = 100;
/** Some work is done in only one of many requests, so several are recorded and the most frequent way counts. */
export const RECORDED_REQUESTS = 9;

/**
 * @typedef {{ package: string, file: string, line: number, name: string, calls: number }} WalkedFunction
 * @typedef {{ operation: string, way: 'cpu' | 'gpu' | 'pieces', policy: string, cpuSource: string, gpuCalls: number,
 *   totals: { files: number, functions: number, calls: number }, goal: { files: number, functions: number, met: boolean } | null,
 *   packages: { package: string, files: number, functions: number, calls: number }[], functions: WalkedFunction[] }} Walk
 */

/**
 * Runs warm requests and returns which functions of our packages one of them calls, in the order of the first call.
 *
 * @param {{ operation: string, way: 'cpu' | 'gpu' | 'pieces', policy?: string }} what
 * @returns {Promise<Walk>}
 */
export async function recordWalk({ operation, way, policy = 'adaptive' }) {
  const calls = recordCalls();
  const time = startSteadyTime();
  const scenario = await openScenario({ operation, way, policy, pass: time.pass });
  const recorded = [];
  try {
    for (let i = 0; i < WARM_UP_REQUESTS; i++) await scenario.request();
    for (let i = 0; i < RECORDED_REQUESTS; i++) {
      const gpuCallsBefore = scenario.gpuCalls();
      calls.start();
      await scenario.request();
      recorded.push({ calls: calls.stop(), gpuCalls: scenario.gpuCalls() - gpuCallsBefore });
    }
  } finally {
    await scenario.close();
    time.restore();
  }
  const wanted = recorded.filter(({ gpuCalls }) =>
    way === 'pieces' ? gpuCalls > 1 : gpuCalls === (way === 'gpu' ? 1 : 0),
  );
  if (wanted.length === 0) {
    const counts = recorded.map(({ gpuCalls }) => gpuCalls).join(', ');
    throw new Error(`no recorded request went the way '${way}': their calls of the GPU were ${counts}`);
  }
  return summarize({ operation, way, policy, cpuSource: scenario.cpuSource }, mostFrequent(wanted));
}

function mostFrequent(recorded) {
  const times = new Map();
  const wayOf = ({ calls }) => [...calls.keys()].sort().join('\n');
  for (const each of recorded) times.set(wayOf(each), (times.get(wayOf(each)) ?? 0) + 1);
  const most = Math.max(...times.values());
  return recorded.find((each) => times.get(wayOf(each)) === most);
}

function summarize({ operation, way, ...what }, { calls, gpuCalls }) {
  const functions = [...calls].map(([key, count]) => ({ ...JSON.parse(key), calls: count }));
  const totals = totalsOf(functions);
  const packages = [...new Set(functions.map((each) => each.package))].map((name) => ({
    package: name,
    ...totalsOf(functions.filter((each) => each.package === name)),
  }));
  return { operation, way, ...what, gpuCalls, totals, goal: goalFor(operation, way, totals), packages, functions };
}

function totalsOf(functions) {
  return {
    files: new Set(functions.map(({ file }) => file)).size,
    functions: functions.length,
    calls: functions.reduce((sum, { calls }) => sum + calls, 0),
  };
}
