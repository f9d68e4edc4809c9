// Machines in the cloud are noisy for hours on end, so a suite can be measured in several windows of time. A window keeps the
// measured goals of one run; the tables of a result are those of its latest run.

/**
 * The windows of a result after one more run.
 *
 * @param {object | null} before the result that the file holds, if any
 * @param {object} result of the new run
 */
export function windowsAfter(before, result) {
  const earlier = before === null ? [] : (before.windows ?? [windowOf(before)]);
  return [...earlier, windowOf(result)];
}

function windowOf({ date, tookSeconds, provenance, goals }) {
  return { date, tookSeconds, commit: provenance.commit, goals };
}

/**
 * Of each goal, in the order of the latest window: the median and the best of the windows that measured it, and the verdict of most.
 *
 * @param {readonly { goals: readonly object[] }[]} windows
 */
export function summarizeWindows(windows) {
  const nameOf = ({ id, target }) => `${id} ${target}`;
  return windows.at(-1).goals.map((goal) => {
    const measured = windows
      .flatMap(({ goals }) => goals.filter((other) => nameOf(other) === nameOf(goal)))
      .filter(({ measured }) => typeof measured === 'number')
      .sort((a, b) => a.measured - b.measured);
    const best = isLessBetter(goal) ? measured.at(0) : measured.at(-1);
    return {
      ...goal,
      measured: medianOf(measured.map((other) => other.measured)),
      best: best?.measured ?? null,
      windows: measured.length,
      pass: verdictOf(measured),
    };
  });
}

function isLessBetter({ target }) {
  return target.includes('<=') || target.includes('within');
}

/** Held in most of the windows, which is what the median says too. Null: no window judged it. */
function verdictOf(measured) {
  const judged = measured.filter(({ pass }) => pass !== null);
  return judged.length === 0 ? null : judged.filter(({ pass }) => pass).length * 2 > judged.length;
}

function medianOf(sorted) {
  if (sorted.length === 0) return null;
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}
