// node tools/dispatch-lab/dist/write-docs.js: docs/dispatch-lab.md from the committed docs/dispatch-lab/results.json.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatLabPage } from './report/format-lab-page.js';
import type { ScenarioResult } from './report/scenario-result.js';

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));
const page = `${DOCS}dispatch-lab.md`;
const results = JSON.parse(readFileSync(`${DOCS}dispatch-lab/results.json`, 'utf8')) as readonly ScenarioResult[];
writeFileSync(page, await formatLabPage(results, page));
