import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareRanked, mergeRanked, METRICS, type Metric } from '../src/index.js';

interface Entry {
  readonly index: number;
  readonly score: number;
}

// Few different scores, so that ties are common.
const scores = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.5, NaN, Infinity, -Infinity),
  fc.float({ noDefaultInfinity: true, noNaN: true }),
);
const entries = fc
  .uniqueArray(fc.nat(10_000), { maxLength: 60 })
  .chain((indices) => fc.tuple(...indices.map((index) => scores.map((score): Entry => ({ index, score })))));
const metrics = fc.constantFrom(...METRICS);

/** The order by its definition, in three passes that have nothing to do with a comparison. */
function sortedByDefinition(metric: Metric, list: readonly Entry[]): Entry[] {
  const byIndex = (part: Entry[]) => part.sort((a, b) => a.index - b.index);
  const numbers = list.filter(({ score }) => !Number.isNaN(score));
  const levels = [...new Set(numbers.map(({ score }) => score + 0))].sort((a, b) => (a < b ? -1 : 1));
  if (metric !== 'euclidean') levels.reverse();
  const ranked = levels.flatMap((level) => byIndex(numbers.filter(({ score }) => score === level)));
  return [...ranked, ...byIndex(list.filter(({ score }) => Number.isNaN(score)))];
}

describe('compareRanked', () => {
  test('sorts by score, with NaN last and ties by lower index', () => {
    fc.assert(
      fc.property(metrics, entries, (metric, list) => {
        const sorted = [...list].sort((a, b) => compareRanked(metric, a.score, a.index, b.score, b.index));
        expect(sorted).toEqual(sortedByDefinition(metric, list));
      }),
      { seed: 1 },
    );
  });

  test('treats 0 and -0 as a tie', () => {
    for (const metric of METRICS) {
      expect(compareRanked(metric, -0, 1, 0, 2)).toBeLessThan(0);
      expect(compareRanked(metric, 0, 2, -0, 1)).toBeGreaterThan(0);
    }
  });
});

describe('mergeRanked', () => {
  const columns = (list: readonly Entry[]) => ({
    indices: Uint32Array.from(list, ({ index }) => index),
    scores: Float32Array.from(list, ({ score }) => score),
  });

  test('equals a sort of all entries, cut at the length of the output', () => {
    fc.assert(
      fc.property(metrics, entries, fc.nat(70), fc.integer({ min: 1, max: 40 }), (metric, list, room, parts) => {
        // Scores as float32, as they are in the lists.
        const rounded = list.map(({ index, score }) => ({ index, score: Math.fround(score) }));
        const chunks = Array.from({ length: parts }, (_, part) =>
          rounded.filter(({ index }) => index % parts === part),
        );
        const lists = chunks.map((chunk) => columns(sortedByDefinition(metric, chunk)));
        const output = { indices: new Uint32Array(room), scores: new Float32Array(room) };
        const best = columns(sortedByDefinition(metric, rounded).slice(0, room));
        expect(mergeRanked(metric, lists, output)).toBe(best.indices.length);
        expect(output.indices.subarray(0, best.indices.length)).toEqual(best.indices);
        expect(output.scores.subarray(0, best.scores.length)).toEqual(best.scores);
      }),
      { seed: 2 },
    );
  });

  test('does not change the entries that it does not fill', () => {
    const output = { indices: new Uint32Array(3).fill(9), scores: new Float32Array(3).fill(9) };
    expect(mergeRanked('dot', [columns([{ index: 4, score: 2 }]), columns([])], output)).toBe(1);
    expect([...output.indices]).toEqual([4, 9, 9]);
    expect([...output.scores]).toEqual([2, 9, 9]);
    expect(mergeRanked('dot', [], output)).toBe(0);
  });
});
