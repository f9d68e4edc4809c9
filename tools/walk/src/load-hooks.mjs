// Hooks of Node's module loader: instead of a file in a package's dist, its source is compiled and loaded, with its calls counted.
import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countCalls } from './count-calls.mjs';

const PACKAGES = fileURLToPath(new URL('../../../packages/', import.meta.url));
/** Users do not run the simulated GPU. */
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
