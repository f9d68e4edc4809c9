import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { runBin } from './run-bin.js';
import { runHere } from './run-here.js';
import { temporaryFolder } from './temporary-folder.js';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/embedder-energetic-ai.mjs', import.meta.url));
// Vectors of the model for the texts below, written by the example itself. The model is not installed here.
const CACHE = fileURLToPath(new URL('fixtures/energetic-ai-embeddings.json', import.meta.url));

const TEXTS = {
  'texts/brakes.txt': 'Brakes slow an automobile down by pressing pads against a disc on each wheel.\n',
  'texts/bread.txt': 'Sourdough needs flour, water, salt and patience.\n',
  'texts/money.txt': 'A bank lends funds to customers and earns interest.\n',
  'texts/pets.txt': 'Puppies need walks, toys and a warm place to sleep.\n',
};
const QUESTIONS = [
  ['how do cars stop', 'brakes.txt'],
  ['baking recipes', 'bread.txt'],
  ['borrowing cash', 'money.txt'],
  ['taking care of a dog', 'pets.txt'],
] as const;

afterEach(() => vi.unstubAllEnvs());

test.each(QUESTIONS)(
  'the documented embedder finds the meaning of "%s", which shares no word with its answer',
  async (query, file) => {
    const folder = await temporaryFolder(TEXTS);
    await copyFile(EXAMPLE, join(folder, 'embedder.mjs'));
    vi.stubEnv('EMBEDDING_CACHE', CACHE);
    const args = ['search', '--dir', 'texts', '--query', query, '--embedder', 'embedder.mjs', '--json'];
    const { status, stdout, stderr } = await runHere(args, folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout).results[0].file).toBe(join('texts', file));
  },
);

test('the documented embedder says which packages are missing', async () => {
  const folder = await temporaryFolder(TEXTS);
  await copyFile(EXAMPLE, join(folder, 'embedder.mjs'));
  const { status, stderr } = runBin(['search', '-d', 'texts', '-q', 'x', '--embedder', 'embedder.mjs'], folder);
  expect(stderr).toContain("--embedder embedder.mjs: embed() failed: Cannot find package '@energetic-ai/embeddings'");
  expect(status).toBe(2);
});
