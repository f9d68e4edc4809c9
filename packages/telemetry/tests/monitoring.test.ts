import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { METRICS, prometheusName } from '../src/index.js';

const file = (name: string) => fileURLToPath(new URL(`../monitoring/${name}`, import.meta.url));
const known = new Set(
  Object.values(METRICS).flatMap((definition) => {
    const name = prometheusName(definition);
    return definition.type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
  }),
);
const metricsIn = (expression: string) => [...expression.matchAll(/gearshift_[a-z_]+/g)].map(([name]) => name);

test('the alert rules use only metrics that exist', () => {
  const expressions = readFileSync(file('alerts.yml'), 'utf8')
    .split('- alert:')
    .slice(1)
    .map((rule) => rule.slice(0, rule.indexOf('labels:')));
  expect(expressions.length).toBeGreaterThan(5);
  for (const expression of expressions) {
    const metrics = metricsIn(expression);
    expect(metrics.length, expression).toBeGreaterThan(0);
    for (const metric of metrics) expect(known).toContain(metric);
  }
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
test.skipIf(!promtool)(
  `promtool accepts the alert rules${promtool ? '' : ' (skipped: promtool is not installed)'}`,
  () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file('alerts.yml')], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
  },
);

test('the dashboard uses only metrics that exist, and shows the most important ones', () => {
  const { panels } = JSON.parse(readFileSync(file('dashboard.json'), 'utf8')) as {
    panels: { id: number; title: string; targets: { expr: string }[] }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { title, targets } of panels) {
    expect(targets.length, title).toBeGreaterThan(0);
    for (const { expr } of targets) {
      const metrics = metricsIn(expr);
      expect(metrics.length, expr).toBeGreaterThan(0);
      for (const metric of metrics) expect(known).toContain(metric);
    }
  }
  const shown = panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => metricsIn(expr)));
  for (const name of ['decisions', 'duration', 'predictionError', 'breakerState', 'memoryUsage', 'regret'] as const) {
    expect(shown.some((metric) => metric.startsWith(prometheusName(METRICS[name])))).toBe(true);
  }
});
