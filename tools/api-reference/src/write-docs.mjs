// node tools/api-reference/src/write-docs.mjs [--check]: docs/api, one page for each public package, from the comments of its sources. It
// needs the packages built. With --check it writes nothing, and exits with 1 when a page cannot be made or a link in it leads nowhere.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brokenLinks } from './broken-links.mjs';
import { generatePages } from './generate-pages.mjs';

const API = fileURLToPath(new URL('../../../docs/api/', import.meta.url));

const pages = await generatePages();
const broken = brokenLinks(pages, API);
for (const link of broken) console.error(`docs/api: a link leads nowhere: ${link}`);
if (broken.length > 0) process.exitCode = 1;
if (!process.argv.includes('--check')) {
  rmSync(API, { recursive: true, force: true });
  mkdirSync(API, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(API, name), text);
  console.log(`wrote ${pages.size} pages to docs/api`);
}
