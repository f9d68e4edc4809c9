import type { Simulation } from '../simulate.js';
import type { Trace } from '../traces/trace.js';
import { alignColumns } from './align-columns.js';

interface Loss {
  requests: number;
  lostMs: number;
  worstMs: number;
  worst: string;
}

/** Where a policy loses its time: by device, reason and shape of request. */
export class LossByChoice {
  readonly #losses = new Map<string, Loss>();
  #oracleMs = 0;

  add({ seed, requests }: Trace, { latenciesMs, choices }: Simulation, oracleMs: Float64Array): void {
    for (const { index, shape, rows } of requests) {
      const key = `${choices[index]} ${shape}`;
      let loss = this.#losses.get(key);
      if (loss === undefined) this.#losses.set(key, (loss = { requests: 0, lostMs: 0, worstMs: -Infinity, worst: '' }));
      const lostMs = latenciesMs[index] - oracleMs[index];
      this.#oracleMs += oracleMs[index];
      loss.requests += 1;
      loss.lostMs += lostMs;
      if (lostMs > loss.worstMs) {
        loss.worstMs = lostMs;
        loss.worst = `seed ${seed} request ${index}: ${rows} rows`;
      }
    }
  }

  /** The greatest loss first. */
  table(): string {
    const losses = [...this.#losses].sort(([, a], [, b]) => b.lostMs - a.lostMs);
    return alignColumns([
      ['choice', 'requests', 'lost %', 'worst ms', 'at'],
      ...losses.map(([choice, { requests, lostMs, worstMs, worst }]) => [
        choice,
        String(requests),
        ((lostMs / this.#oracleMs) * 100).toFixed(2),
        worstMs.toFixed(3),
        worst,
      ]),
    ]);
  }
}
