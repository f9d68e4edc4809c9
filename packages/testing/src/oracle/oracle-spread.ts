import type { PreparedSpreadActivation } from '@gearshift/contracts';
import { AccurateSum } from './accurate-sum.js';
import type { OracleScore } from './oracle-scores.js';

/** Half the distance from 1 to the next number: the largest relative error of one operation. */
const FLOAT32_ROUNDOFF = 2 ** -24;
const FLOAT64_ROUNDOFF = 2 ** -53;
const SMALLEST_NORMAL = 2 ** -126;

/**
 * The activations of the requested nodes: each hop in double precision from options that are float32, and its values rounded
 * to float32.
 *
 * The bound of a node includes the bounds of the received values and adds that of its own hop, as docs/semantics.md derives
 * it: for n edges a product of two float32 is exact in double precision, and the n + 2 operations that follow round to
 * 2^-53 of the magnitudes, twice for another order; the activation is rounded to float32 once, and may be flushed to zero
 * below 2^-126. When a value is so close to the threshold that rounding decides, both the value and 0 are within the bound.
 */
export function oracleSpread(request: PreparedSpreadActivation): OracleScore[] {
  const { graph, activations, hops, start, end } = request;
  const decay = Math.fround(request.decay);
  const retention = Math.fround(request.retention);
  const threshold = Math.fround(request.threshold);
  let nodes = Array.from(activations, (score): OracleScore => ({ score, bound: 0 }));
  for (let hop = 0; hop < hops; hop++) {
    const before = nodes;
    nodes = before.map((own, node) => {
      const received = new AccurateSum();
      let magnitudes = Math.abs(retention * own.score);
      let carried = Math.abs(retention) * own.bound;
      const [first, last] = [graph.rowPointers[node], graph.rowPointers[node + 1]];
      for (let edge = first; edge < last; edge++) {
        const sender = before[graph.columns[edge]];
        received.add(graph.weights[edge] * sender.score);
        magnitudes += Math.abs(decay * graph.weights[edge] * sender.score);
        carried += Math.abs(decay * graph.weights[edge]) * sender.bound;
      }
      const score = Math.fround(retention * own.score + decay * received.value);
      if (!Number.isFinite(score)) return { score, bound: 0 };
      const rounding = 2 * (last - first + 2) * FLOAT64_ROUNDOFF * magnitudes;
      const bound = carried + rounding + 2 * FLOAT32_ROUNDOFF * Math.abs(score) + SMALLEST_NORMAL;
      const distance = Math.abs(Math.abs(score) - threshold);
      if (threshold > 0 && distance <= bound) return { score, bound: Math.abs(score) + bound };
      return Math.abs(score) < threshold ? { score: 0, bound: 0 } : { score, bound };
    });
  }
  return nodes.slice(start, end);
}
