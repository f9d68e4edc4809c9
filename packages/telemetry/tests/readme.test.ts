import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { METRICS, prometheusName } from '../src/index.js';

test('the README lists every metric with its type, labels and description', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const table = readme.slice(readme.indexOf('<!-- metrics -->'), readme.indexOf('<!-- /metrics -->'));
  const rows = table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const expected = Object.values(METRICS).map((definition) => [
    ...['', `\`${prometheusName(definition)}\``, definition.type],
    ...[definition.labels.map((label) => `\`${label}\``).join(', '), definition.help, ''],
  ]);
  expect(rows).toEqual(expected);
});
