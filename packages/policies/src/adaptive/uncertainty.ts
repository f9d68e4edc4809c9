const GROWTH_PER_DECISION = 0.02;
const LARGEST_DEVIATION = 1.5;
/** Scale of the logistic distribution of standard deviation 1. */
const LOGISTIC = Math.sqrt(3) / Math.PI;

/**
 * The standard deviation, as a logarithm, of an estimate with this variance that was not measured since: it grows like that
 * of a random walk.
 */
export function grown(variance: number, decisionsSince: number): number {
  const deviation = Math.sqrt(variance) + GROWTH_PER_DECISION * Math.sqrt(decisionsSince);
  return deviation < LARGEST_DEVIATION ? deviation : LARGEST_DEVIATION;
}

/**
 * The expected loss of a choice because the other device is faster after all: the mean of `max(0, -X)` where X, the logarithm
 * of the ratio of the two times, scatters round its expectation. X is taken as logistic, which has a closed form.
 *
 * @param deviation of the ratio's logarithm.
 */
export function opportunityLossMs(chosenMs: number, otherMs: number, deviation: number): number {
  const scale = LOGISTIC * deviation;
  const distance = Math.log(otherMs / chosenMs);
  if (!(scale > 0)) return distance < 0 ? chosenMs - otherMs : 0;
  const steps = distance / scale;
  if (steps > 20) return 0;
  if (steps < -20) return chosenMs - otherMs;
  return Math.min(chosenMs, chosenMs * scale * Math.log1p(Math.exp(-steps)));
}
