/**
 * `GEARSHIFT_TEST_EFFORT=full npx vitest run` in this package runs what takes minutes: more interleavings, two thousand
 * kills, a hundred million reads. Without it the same tests run smaller figures.
 */
export const FULL_EFFORT = process.env['GEARSHIFT_TEST_EFFORT'] === 'full';
