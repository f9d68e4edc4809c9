import { copyFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { BIN } from './run-bin.js';
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

test.each(QUESTIONS)(
  'the documented embedder finds the meaning of "%s", which shares no word with its answer',
  async (query, file) => {
    const folder = await temporaryFolder(TEXTS);
    await copyFile(EXAMPLE, join(folder, 'embedder.mjs'));
    const args = [BIN, 'search', '--dir', 'texts', '--query', query, '--embedder', 'embedder.mjs', '--json'];
    const env = { ...process.env, EMBEDDING_CACHE: CACHE };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout).results[0].file).toBe(join('texts', file));
  },
);

test('the documented embedder says which packages are missing', async () => {
  const folder = await temporaryFolder(TEXTS);
  await copyFile(EXAMPLE, join(folder, 'embedder.mjs'));
  const args = [BIN, 'search', '--dir', 'texts', '--query', 'x', '--embedder', 'embedder.mjs'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  expect(stderr).toContain("--embedder embedder.mjs: embed() failed: Cannot find package '@energetic-ai/embeddings'");
  expect(status).toBe(2);
});
