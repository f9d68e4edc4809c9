const GROWTH_PER_DECISION = 0.02;
const LARGEST = 1.5;

/**
 * The standard deviation, as a logarithm, of what was learned with this variance and not looked at again since then: it
 * grows like that of a random walk.
 */
export function grown(variance: number, decisionsSince: number): number {
  const deviation = Math.sqrt(variance) + GROWTH_PER_DECISION * Math.sqrt(decisionsSince);
  return deviation < LARGEST ? deviation : LARGEST;
}
