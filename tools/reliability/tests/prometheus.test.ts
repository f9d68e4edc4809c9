import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DeviceTotals } from '@gearshift/tracker';
import { effort, tellCount } from '@gearshift/vitest-config/effort';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// A real Prometheus scrapes a real process under load while its workers are terminated. In the end it has the counts of the process, no
// counter ever decreased, and every histogram is cumulative.

const ATTEMPTS = effort({ test: 3000, ci: 10_000, nightly: 100_000 });
const PATIENCE = 600_000;
const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const lacks = has('prometheus') && has('promtool') ? null : 'prometheus and promtool';

interface Settled {
  readonly settled: {
    readonly cpu: DeviceTotals;
    readonly gpu: DeviceTotals;
    readonly fallbacks: number;
    readonly ooms: number;
    readonly decisions: Record<string, number>;
  };
  readonly acknowledged: number;
  readonly kills: number;
}
type Message = { port: number } | { attempts: number } | Settled;
interface Series {
  readonly metric: Record<string, string>;
  readonly value: readonly [time: number, value: string];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe.skipIf(lacks !== null)(
  `metrics scraped by Prometheus${lacks === null ? '' : ` (skipped: needs ${lacks})`}`,
  () => {
    let folder: string;
    let served: ChildProcess;
    let prometheus: ChildProcess;
    let metricsUrl: string;
    let api: string;
    let attempts = 0;
    let settle: () => Promise<Settled>;

    /** @param atS as Prometheus knew it at this time, in seconds */
    async function query(expression: string, atS?: number): Promise<readonly Series[]> {
      const time = atS === undefined ? '' : `&time=${atS}`;
      const response = await fetch(`${api}/api/v1/query?query=${encodeURIComponent(expression)}${time}`);
      const { data } = (await response.json()) as { data: { result: readonly Series[] } };
      return data.result;
    }
    const valueOf = async (expression: string, atS?: number) => Number((await query(expression, atS))[0]?.value[1]);

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'gearshift-prometheus-'));
      served = fork(fileURLToPath(new URL('fixtures/served-metrics.mjs', import.meta.url)), {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      });
      let onSettled: (settled: Settled) => void;
      const settled = new Promise<Settled>((resolve) => (onSettled = resolve));
      settle = () => {
        served.send('settle');
        return settled;
      };
      const port = await new Promise<number>((resolve, reject) => {
        served.once('exit', (code) => reject(new Error(`the process under test ended with ${code}`)));
        served.on('message', (message: Message) => {
          if ('port' in message) resolve(message.port);
          else if ('attempts' in message) attempts = message.attempts;
          else onSettled(message);
        });
      });
      metricsUrl = `http://127.0.0.1:${port}/metrics`;
      const config = join(folder, 'prometheus.yml');
      writeFileSync(
        config,
        `global: { scrape_interval: 200ms, scrape_timeout: 200ms }\nscrape_configs:\n  - job_name: gearshift\n    static_configs: [{ targets: ['127.0.0.1:${port}'] }]\n`,
      );
      const isReady = async () => {
        const answered = fetch(`${api}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        );
        return (await answered) && prometheus.exitCode === null;
      };
      const start = async () => {
        const ownPort = await freePort();
        api = `http://127.0.0.1:${ownPort}`;
        prometheus = spawn(
          'prometheus',
          [
            `--config.file=${config}`,
            `--storage.tsdb.path=${join(folder, 'data')}`,
            `--web.listen-address=127.0.0.1:${ownPort}`,
          ],
          { stdio: 'ignore' },
        );
      };
      await start();
      while (!(await isReady())) {
        // Another process may have taken the port.
        if (prometheus.exitCode !== null) await start();
        await setTimeout(100);
      }
    }, PATIENCE);
    afterAll(async () => {
      served?.disconnect();
      if (prometheus !== undefined) {
        const ended = new Promise((resolve) => prometheus.once('exit', resolve));
        prometheus.kill();
        await ended;
      }
      rmSync(folder, { recursive: true });
    });

    test('agree exactly with the requests that ran', { timeout: PATIENCE }, async () => {
      while (attempts < ATTEMPTS) await setTimeout(50);
      const text = await (await fetch(metricsUrl)).text();
      const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect({ status: checked.status, output: checked.stdout + checked.stderr }).toEqual({ status: 0, output: '' });

      const { settled, acknowledged, kills } = await settle();
      // At least one more scrape after the last change.
      const settledAt = Date.now() / 1000;
      let scrapedAt = NaN;
      while (!(scrapedAt > settledAt + 0.5)) {
        await setTimeout(100);
        scrapedAt = await valueOf('timestamp(gearshift_fallbacks_total{operation="top-k"})');
      }
      // There is no value after a scrape that took too long.
      const scraped = (expression: string) => valueOf(expression, scrapedAt);

      for (const device of ['cpu', 'gpu'] as const) {
        const labels = `{operation="top-k",device="${device}"`;
        const { successes, failures, counts, totalMs, lostMs } = settled[device];
        expect(await scraped(`gearshift_attempts_total${labels},outcome="success"}`)).toBe(successes);
        expect(await scraped(`gearshift_attempts_total${labels},outcome="failure"}`)).toBe(failures);
        expect(await scraped(`gearshift_operation_duration_seconds_count${labels}}`)).toBe(successes);
        expect(await scraped(`gearshift_operation_duration_seconds_sum${labels}}`)).toBeCloseTo(totalMs / 1000, 9);
        expect(await scraped(`gearshift_retry_lost_time_seconds_total${labels}}`)).toBeCloseTo(lostMs / 1000, 9);
        const buckets = (await query(`gearshift_operation_duration_seconds_bucket${labels}}`, scrapedAt))
          .map(({ metric, value }) => ({
            bound: Number(metric['le'].replace('+Inf', 'Infinity')),
            count: Number(value[1]),
          }))
          .sort((a, b) => a.bound - b.bound);
        let below = 0;
        expect(buckets.map(({ count }) => count)).toEqual(counts.map((count) => (below += count)));
      }
      expect(await scraped('gearshift_fallbacks_total{operation="top-k"}')).toBe(settled.fallbacks);
      expect(await scraped('gearshift_ooms_total{operation="top-k"}')).toBe(settled.ooms);
      for (const [reason, count] of Object.entries(settled.decisions)) {
        expect(await scraped(`gearshift_decisions_total{operation="top-k",reason="${reason}"}`)).toBe(count);
      }

      // No published count of a terminated worker was lost, and no counter decreased at its end.
      expect(settled.cpu.successes + settled.gpu.successes).toBeGreaterThanOrEqual(acknowledged);
      expect(kills).toBeGreaterThan(0);
      const counters = [
        'attempts_total',
        'fallbacks_total',
        'ooms_total',
        'decisions_total',
        'operation_duration_seconds_bucket',
      ];
      for (const counter of counters) {
        const resets = await query(`resets(gearshift_${counter}[1h])`, scrapedAt);
        expect(resets.length, counter).toBeGreaterThan(0);
        for (const { metric, value } of resets) expect([metric, value[1]]).toEqual([metric, '0']);
      }
      // The failures of the load are visible.
      expect(settled.gpu.failures).toBeGreaterThan(0);
      expect(settled.fallbacks).toBeGreaterThan(0);
      tellCount('R16', settled.cpu.successes + settled.cpu.failures + settled.gpu.successes + settled.gpu.failures);
    });
  },
);
