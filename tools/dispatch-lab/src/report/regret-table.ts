import { alignColumns } from './align-columns.js';
import type { ScenarioCurve } from './scenario-result.js';

/** One line for each policy, one column for each trace: median regret and, in brackets, the worst seed's. */
export function regretTable(curves: readonly ScenarioCurve[]): string {
  const traces = [...new Set(curves.map(({ result }) => result.trace))];
  const policies = [...new Set(curves.map(({ result }) => result.policy))];
  const cells = policies.map((policy) => [
    policy,
    ...traces.map((trace) => {
      const curve = curves.find(({ result }) => result.trace === trace && result.policy === policy);
      return curve === undefined ? '' : cellOf(curve);
    }),
  ]);
  return alignColumns([['regret %, median (worst)', ...traces], ...cells]);
}

function cellOf({ result, unanswered, late }: ScenarioCurve): string {
  const notes = [
    result.failedAttempts > 0 ? `${result.failedAttempts} failed` : '',
    result.outOfMemory > 0 ? `${result.outOfMemory} OOM` : '',
    unanswered > 0 ? `${unanswered} unanswered` : '',
    late > 0 ? `${late} late` : '',
  ].filter((note) => note !== '');
  const figures = `${result.regretPercent.toFixed(1)} (${result.worstPercent.toFixed(1)})`;
  return notes.length === 0 ? figures : `${figures} ${notes.join(', ')}`;
}
