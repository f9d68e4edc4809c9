// Hooks of Node's module loader: where a file of a package's dist is imported, its source is compiled instead, with the calls counted.
import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countCalls } from './count-calls.mjs';

const PACKAGES = fileURLToPath(new URL('../../../packages/', import.meta.url));
/** The simulated GPU is not part of what users run. */
const EXCLUDED = ['testing'];

export async function load(url, context, nextLoad) {
  const file = url.startsWith('file:') ? relative(PACKAGES, fileURLToPath(url)).split(sep).join('/') : '';
  const [, name, path] = /^([\w-]+)\/dist\/(.+)\.js$/.exec(file) ?? [];
  if (name === undefined || EXCLUDED.includes(name)) return nextLoad(url, context);
  const sourceFile = `${name}/src/${path}.ts`;
  const source = countCalls(
    await readFile(new URL(sourceFile, new URL('../../../packages/', import.meta.url)), 'utf8'),
    {
      package: name,
      file: sourceFile,
    },
  );
  return { format: 'module', source, shortCircuit: true };
}
