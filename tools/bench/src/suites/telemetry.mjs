import { channel, tracingChannel } from 'node:diagnostics_channel';
import { instrumentOpenTelemetry, instrumentPrometheus } from '@gearshift/telemetry';
import { metrics, trace } from '@opentelemetry/api';
import { createExecutor } from 'gearshift';
import { Registry } from 'prom-client';
import { interleave, median } from '../interleave.mjs';

const ROWS = 16;
const DIMENSIONS = 64;

export default {
  name: 'telemetry',
  description: 'what a small request pays for the possibility of a listener, and for a listener',

  async run({ quick, log }) {
    const rounds = quick ? 3 : 61;
    const executor = await createExecutor({ backends: ['cpu'] });
    const values = Float32Array.from({ length: ROWS * DIMENSIONS }, (_, i) => Math.sin(i));
    const matrix = await executor.matrix(values, { dimensions: DIMENSIONS });
    const query = values.slice(0, DIMENSIONS);
    const calls = {
      'topKSync, 16 x 64': () => executor.topKSync(query, matrix, { k: 4 }),
      'topK, 16 x 64': () => executor.topK(query, matrix, { k: 4 }),
    };

    log('Listeners ...');
    const listeners = {
      none: () => () => undefined,
      'Prometheus, between scrapes': () => {
        const instrumentation = instrumentPrometheus(executor, { registry: new Registry() });
        return () => instrumentation.dispose();
      },
      'OpenTelemetry metrics, no SDK': () => {
        const meterProvider = metrics.getMeterProvider();
        const instrumentation = instrumentOpenTelemetry(executor, { meterProvider });
        return () => instrumentation.dispose();
      },
      'OpenTelemetry spans, no SDK': () => {
        const instrumentation = instrumentOpenTelemetry(executor, { tracerProvider: trace.getTracerProvider() });
        return () => instrumentation.dispose();
      },
    };
    const rows = [];
    for (const [name, call] of Object.entries(calls)) {
      const times = await takeTurns(call, listeners, { rounds, perTurn: quick ? 100 : 3000 });
      const none = times.get('none');
      for (const [listener, roundsNs] of times) {
        const more = median(roundsNs.map((ns, round) => (100 * ns) / none[round] - 100));
        rows.push([name, listener, median(roundsNs), more]);
      }
    }

    log('The checks for a listener ...');
    // Checks per request without a failure: around the run, around the attempt, after the decision.
    const run = tracingChannel('gearshift:run');
    const attempt = tracingChannel('gearshift:attempt');
    const decision = channel('gearshift:decision');
    const [looks, empty] = await interleave(
      [
        { name: 'looks', run: () => run.hasSubscribers || attempt.hasSubscribers || decision.hasSubscribers },
        { name: 'empty', run: () => false },
      ],
      { rounds, turnMs: quick ? 1 : 10 },
    );
    const looksNs = Math.max(0, median(looks.roundsNs.map((ns, round) => ns - empty.roundsNs[round])));
    const shortestNs = Math.min(...rows.map((row) => row[2]));
    const share = (100 * looksNs) / shortestNs;

    log('A scrape ...');
    const registry = new Registry();
    const instrumentation = instrumentPrometheus(executor, { registry });
    const [scrape] = await interleave([{ name: 'scrape', run: () => registry.metrics() }], {
      rounds,
      turnMs: quick ? 1 : 10,
    });
    instrumentation.dispose();
    await matrix[Symbol.asyncDispose]();
    await executor.close();

    return {
      tables: [
        {
          title: 'A small request, by who listens',
          columns: ['request', 'listener', 'ns', '% more than none'],
          rows,
        },
        {
          title: 'What it is made of',
          columns: ['what', 'ns'],
          rows: [
            ['the three checks for a listener', looksNs],
            ['a scrape', scrape.medianNs],
          ],
        },
      ],
      goals: [
        { id: 'telemetry', target: 'without a listener: < 1 % of a small request', measured: share, pass: share < 1 },
      ],
    };
  },
};

/** Listeners apply to the whole process, so each is added and removed within its turn. */
async function takeTurns(call, listeners, { rounds, perTurn }) {
  const names = Object.keys(listeners);
  const times = new Map(names.map((name) => [name, []]));
  for (let i = 0; i < perTurn; i++) await call();
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < names.length; place++) {
      const name = names[(place + round) % names.length];
      const leave = listeners[name]();
      for (let i = 0; i < perTurn / 10; i++) await call();
      const startNs = process.hrtime.bigint();
      for (let i = 0; i < perTurn; i++) await call();
      times.get(name).push(Number(process.hrtime.bigint() - startNs) / perTurn);
      leave();
    }
  }
  return times;
}
