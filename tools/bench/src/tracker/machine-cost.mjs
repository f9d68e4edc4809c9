import { takeTurns, timeLoop } from '../take-turns.mjs';

/** The costs of the tracker's primitive operations, for comparing the times of different machines. */
export async function measureMachine({ rounds, perTurn }) {
  const shared = new Int32Array(new SharedArrayBuffer(64));
  const sums = new Float64Array(8);
  let last;
  const loops = {
    'addition to a number in memory, one after the other'(count) {
      for (let i = 0; i < count; i++) sums[0] += 1.5;
    },
    'Atomics.load'(count) {
      for (let i = 0; i < count; i++) Atomics.load(shared, 0);
    },
    'Atomics.add'(count) {
      for (let i = 0; i < count; i++) Atomics.add(shared, 0, 1);
    },
    'object of five numbers'(count) {
      for (let i = 0; i < count; i++) last = { a: i + 0.5, b: i + 1.5, c: i + 2.5, d: i + 3.5, e: i + 4.5 };
    },
    'the same, frozen'(count) {
      for (let i = 0; i < count; i++) {
        last = Object.freeze({ a: i + 0.5, b: i + 1.5, c: i + 2.5, d: i + 3.5, e: i + 4.5 });
      }
    },
    'process.hrtime'(count) {
      for (let i = 0; i < count; i++) last = process.hrtime();
    },
  };
  const contestants = Object.entries(loops).map(([name, loop]) => ({ name, measure: () => timeLoop(loop, perTurn) }));
  const timings = [...(await takeTurns(contestants, { rounds })).values()];
  if (last === undefined) throw new Error('a loop did not run');
  return {
    title: 'What the tracker is made of, on this machine',
    columns: ['what', 'ns', 'fastest round'],
    rows: timings.map(({ name, medianNs, minNs }) => [name, medianNs, minNs]),
  };
}
