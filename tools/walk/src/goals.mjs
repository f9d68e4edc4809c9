/** The most files and functions that a warm `topK` may cross, by way. */
export const GOALS = {
  cpu: { title: 'on the CPU alone', files: 20, functions: 70 },
  gpu: { title: 'on a GPU, whole', files: 35, functions: 120 },
  pieces: { title: 'on a GPU, in about three pieces', files: 45, functions: 160 },
};

/**
 * @param {string} operation
 * @param {keyof typeof GOALS} way
 * @param {{ files: number, functions: number }} totals
 */
export function goalFor(operation, way, totals) {
  if (operation !== 'topK') return null;
  const { files, functions } = GOALS[way];
  return { files, functions, met: totals.files <= files && totals.functions <= functions };
}
