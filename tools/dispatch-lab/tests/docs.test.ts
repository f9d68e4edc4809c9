import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { formatLabPage } from '../src/report/format-lab-page.js';
import type { ScenarioResult } from '../src/report/scenario-result.js';

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));

it('docs/dispatch-lab.md matches the committed results and plots', async () => {
  const results = JSON.parse(readFileSync(`${DOCS}dispatch-lab/results.json`, 'utf8')) as ScenarioResult[];
  const page = readFileSync(`${DOCS}dispatch-lab.md`, 'utf8');
  expect(page).toBe(await formatLabPage(results, `${DOCS}dispatch-lab.md`));
  const shown = [...page.matchAll(/\(dispatch-lab\/([^)]+\.svg)\)/g)].map(([, name]) => name);
  expect(shown.toSorted()).toEqual(
    readdirSync(`${DOCS}dispatch-lab`)
      .filter((name) => name.endsWith('.svg'))
      .toSorted(),
  );
});
