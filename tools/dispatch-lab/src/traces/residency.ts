import { shapeOf } from './draws.js';
import type { RequestDraft, TraceDefinition } from './trace.js';

const LIVE_SETS = 4;
const PHASE_REQUESTS = 400;
const USED_ONCE_SHARE = 0.4;
const SMALLEST_ROWS = 2000;
const LARGEST_ROWS = 200_000;

export const residency: TraceDefinition = {
  name: 'T4',
  title: 'residency',
  conditions:
    '4 live data sets of 2,000 to 200,000 rows per 400 requests, 40 % of requests on data used once, all cold',
  disposes: false,
  draw({ random, requestCount }) {
    const requests: RequestDraft[] = [];
    let dataSets = 0;
    let live: { readonly dataSet: number; readonly rows: number }[] = [];
    const rowsOf = () => random.logInteger(SMALLEST_ROWS, LARGEST_ROWS);
    while (requests.length < requestCount) {
      if (requests.length % PHASE_REQUESTS === 0) {
        live = Array.from({ length: LIVE_SETS }, () => ({ dataSet: dataSets++, rows: rowsOf() }));
      }
      const shape = shapeOf(random);
      const once = random.uniform() < USED_ONCE_SHARE;
      requests.push({ shape, ...(once ? { rows: rowsOf() } : live[random.integer(LIVE_SETS)]) });
    }
    return requests;
  },
};
