// node tools/api-reference/src/write-docs.mjs [--check]: docs/api, one page for each public package, from the comments of its sources.
// With --check it writes nothing and exits with 1 when the pages are not what the sources say.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { Application } from 'typedoc';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const API = join(ROOT, 'docs/api');
/** What is imported from it, by package; others have one entry. */
const ENTRIES = {
  testing: ['src/index.ts', 'src/contract/index.ts', 'src/random/index.ts', 'src/simulated-device/index.ts'],
};

const pages = await generate();
if (process.argv.includes('--check')) {
  const stale = [...pages].filter(([name, text]) => readPage(name) !== text).map(([name]) => name);
  const extra = readdirSync(API).filter((name) => !pages.has(name));
  if (stale.length + extra.length > 0) {
    console.error(`docs/api is not what the sources say: ${[...stale, ...extra].join(', ')}`);
    console.error('Run node tools/api-reference/src/write-docs.mjs');
    process.exitCode = 1;
  }
} else {
  rmSync(API, { recursive: true, force: true });
  mkdirSync(API, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(API, name), text);
}

/** @returns {Promise<Map<string, string>>} text by file name */
async function generate() {
  const written = new Map();
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-api-'));
  const config = await resolveConfig(join(API, 'README.md'));
  const rows = [];
  try {
    for (const name of readdirSync(join(ROOT, 'packages')).sort()) {
      const base = join(ROOT, 'packages', name);
      const manifest = JSON.parse(readFileSync(join(base, 'package.json'), 'utf8'));
      if (manifest.nx.tags.includes('layer:platform')) continue;
      await writeReference(base, ENTRIES[name] ?? ['src/index.ts'], join(folder, name));
      const body = readdirSync(join(folder, name), { recursive: true })
        .filter((file) => file.endsWith('.md') && (name === 'testing') === (file !== 'README.md'))
        .sort()
        .map((file) => readFileSync(join(folder, name, file), 'utf8').trim())
        .join('\n\n');
      const text = `# ${manifest.name}\n\n${manifest.description}. [README](../../packages/${name}/README.md), [all packages](README.md)\n\n${body}\n`;
      written.set(`${name}.md`, await format(text, { ...config, parser: 'markdown' }));
      rows.push(`| [\`${manifest.name}\`](${name}.md) | ${manifest.description} |`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const index = `# API reference\n\nEvery export of every package, from the comments of the sources: \`node tools/api-reference/src/write-docs.mjs\`.\n\n| package | |\n| --- | --- |\n${rows.join('\n')}\n`;
  written.set('README.md', await format(index, { ...config, parser: 'markdown' }));
  return written;
}

async function writeReference(base, entries, output) {
  const app = await Application.bootstrapWithPlugins({
    entryPoints: entries.map((entry) => join(base, entry)),
    tsconfig: join(base, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    // One page for a package; the names are what a reader searches for.
    outputFileStrategy: 'modules',
    outputs: [{ name: 'markdown', path: output }],
    hideBreadcrumbs: true,
    hidePageHeader: true,
    hidePageTitle: true,
    readme: 'none',
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    useCodeBlocks: true,
    logLevel: 'Error',
    skipErrorChecking: true,
  });
  const project = await app.convert();
  if (project === undefined) throw new Error(`the reference of ${base} cannot be generated`);
  await app.generateOutputs(project);
}

function readPage(name) {
  try {
    return readFileSync(join(API, name), 'utf8');
  } catch {
    return '';
  }
}
