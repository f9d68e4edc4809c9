import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { Application } from 'typedoc';
import { entryPoints } from './entry-points.mjs';
import { withinOnePage } from './within-one-page.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** @returns {Promise<Map<string, string>>} text by file name */
export async function generatePages() {
  const pages = new Map();
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-api-'));
  const config = await resolveConfig(join(ROOT, 'docs/README.md'));
  const rows = [];
  try {
    for (const name of readdirSync(join(ROOT, 'packages')).sort()) {
      const base = join(ROOT, 'packages', name);
      const manifest = JSON.parse(readFileSync(join(base, 'package.json'), 'utf8'));
      if (manifest.nx.tags.includes('layer:platform')) continue;
      const entries = entryPoints(manifest);
      await writeReference(base, entries, join(folder, name));
      const parts = readdirSync(join(folder, name), { recursive: true })
        .filter((file) => file.endsWith('.md') && entries.length > 1 === (file !== 'README.md'))
        .sort()
        .map((file) => readFileSync(join(folder, name, file), 'utf8'));
      const text = `# ${manifest.name}\n\n${manifest.description}. [README](../../packages/${name}/README.md), [all packages](README.md)\n\n${withinOnePage(parts)}\n`;
      pages.set(`${name}.md`, await format(text, { ...config, parser: 'markdown' }));
      rows.push(`| [\`${manifest.name}\`](${name}.md) | ${manifest.description} |`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const index = `# API reference\n\nEvery export of every package, from the comments of the sources. Written by \`npm run docs\`.\n\n| package | |\n| --- | --- |\n${rows.join('\n')}\n`;
  pages.set('README.md', await format(index, { ...config, parser: 'markdown' }));
  return pages;
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
