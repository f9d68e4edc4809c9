import { InvalidArgumentError, type Command } from 'commander';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';
import { searchText } from './search-text.js';
import { searchVectors } from './search-vectors.js';

const DEFAULT_K = 5;

interface SearchOptions {
  readonly dir?: string | undefined;
  readonly query?: string | undefined;
  readonly vectors?: string | undefined;
  readonly queryVectors?: string | undefined;
  readonly exclude: readonly string[];
  readonly embedder?: string | undefined;
  readonly k: number;
  readonly json?: boolean | undefined;
}

/** Adds `gearshift search`: searches a folder of text, or vectors from files. */
export function addSearchCommand(program: Command, terminal: Terminal): void {
  program
    .command('search')
    .description('find the passages of a folder, or the rows of a file, that are most similar to a query')
    .allowExcessArguments(false)
    .option('-d, --dir <folder>', 'text files to search')
    .option('-q, --query <words>', 'words to search for')
    .option('--exclude <name>', 'file or folder name to leave out; can be repeated', collect, [])
    .option(
      '--embedder <module.mjs>',
      'module that exports dimensions and embed(texts), in place of the built-in embedding',
    )
    .option('--vectors <file>', 'rows to search: .npy, .safetensors, .fvecs, .arrow or .parquet')
    .option('--query-vectors <file>', 'one query vector, or queries x dimensions')
    .option('-k, --k <count>', 'number of results', parseK, DEFAULT_K)
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  gearshift search --dir docs --query "what happens when a device fails"
  gearshift search --vectors corpus.npy --query-vectors query.npy --k 10 --json

Passages are ranked by the words of the query (BM25) and by vectors, together. Without --embedder the vectors come from hashed words
and letters: they compare spelling, not meaning.
Exit codes: 0 success, 1 internal failure, 2 bad input.`,
    )
    .action(async (options: SearchOptions) => {
      const output = { k: options.k, json: options.json === true };
      const { dir, query, exclude, embedder, vectors, queryVectors } = options;
      const isText = dir !== undefined || query !== undefined || exclude.length > 0 || embedder !== undefined;
      const isVectors = vectors !== undefined || queryVectors !== undefined;
      if (isText && isVectors) {
        throw new UserError(
          '--dir, --query, --exclude and --embedder cannot be combined with --vectors and --query-vectors',
        );
      }
      if (isVectors) {
        if (vectors === undefined) throw new UserError('--vectors FILE.npy is missing; see gearshift search --help');
        if (queryVectors === undefined)
          throw new UserError('--query-vectors FILE.npy is missing; see gearshift search --help');
        await searchVectors({ vectors, queryVectors, ...output }, terminal);
        return;
      }
      if (dir === undefined) throw new UserError('--dir FOLDER is missing; see gearshift search --help');
      if (query === undefined) throw new UserError('--query "words" is missing; see gearshift search --help');
      await searchText({ dir, query, exclude, embedder, ...output }, terminal);
    });
}

function collect(name: string, names: readonly string[]): readonly string[] {
  if (/[/\\]/.test(name)) throw new InvalidArgumentError('expected the name of a file or folder, without its path');
  return [...names, name];
}

function parseK(text: string): number {
  const k = /^\d+$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(k) || k < 1) throw new InvalidArgumentError('expected a whole number of at least 1');
  return k;
}
