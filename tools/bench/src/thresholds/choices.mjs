import { createTrace, simulate, TRACES } from '@gearshift/dispatch-lab';
import { adaptivePolicy, thresholdPolicy } from '@gearshift/policies';

export const POLICIES = {
  threshold: () => thresholdPolicy(),
  adaptive: () => adaptivePolicy(),
};

/**
 * The choices of policies for mixed requests of all sizes, half of them on resident data (trace T1 of the laboratory): the share that ran
 * on the GPU, by kind, residency and size, of the second half of the requests, after the policy has learned.
 *
 * @param {import('@gearshift/dispatch-lab').World} world
 * @param {readonly number[]} sizes borders of the classes
 * @returns {Promise<Map<string, { faster: number, shares: Record<string, number>, count: number }>>} by `kind residency class`; `faster` is
 *   the share for which the GPU is the better choice
 */
export async function measureChoices(world, sizes, { memory, requestCount, seeds }) {
  const stationary = TRACES.find(({ name }) => name === 'T1');
  const classes = new Map();
  for (let seed = 1; seed <= seeds; seed++) {
    const trace = createTrace(stationary, world, seed, memory, requestCount);
    for (const [name, create] of Object.entries(POLICIES)) {
      const { choices } = await simulate(trace, { name, description: name, create: () => ({ policy: create() }) });
      for (const request of trace.requests.slice(requestCount / 2)) {
        const place = Math.max(
          0,
          sizes.findLastIndex((size) => size <= request.rows),
        );
        const key = `${request.shape} ${request.preloaded ? 'resident' : 'cold'} ${place}`;
        const entry = classes.get(key) ?? { faster: 0, shares: {}, count: 0 };
        classes.set(key, entry);
        if (name === 'threshold') {
          const { shape, rows, bytes, preloaded } = request;
          const gpuMs = world.gpuMs(shape, rows) + (preloaded ? 0 : world.uploadMs(bytes));
          if (gpuMs < world.cpuMs(shape, rows)) entry.faster++;
          entry.count++;
        }
        entry.shares[name] = (entry.shares[name] ?? 0) + (choices[request.index].startsWith('gpu') ? 1 : 0);
      }
    }
  }
  for (const entry of classes.values()) {
    entry.faster /= entry.count;
    for (const name of Object.keys(entry.shares)) entry.shares[name] /= entry.count;
  }
  return classes;
}
