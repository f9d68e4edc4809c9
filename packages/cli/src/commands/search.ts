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
    .option('--vectors <file.npy>', 'rows to search: float32 or float64, rows x dimensions')
    .option('--query-vectors <file.npy>', 'one query vector, or queries x dimensions')
    .option('-k, --k <count>', 'number of results', parseK, DEFAULT_K)
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  gearshift search --dir docs --query "what happens when a device fails"
  gearshift search --vectors corpus.npy --query-vectors query.npy --k 10 --json

Text is embedded by hashed words and letters: an example, not a model.
Exit codes: 0 success, 1 internal failure, 2 bad input.`,
    )
    .action(async (options: SearchOptions) => {
      const output = { k: options.k, json: options.json === true };
      const { dir, query, vectors, queryVectors } = options;
      const isText = dir !== undefined || query !== undefined;
      const isVectors = vectors !== undefined || queryVectors !== undefined;
      if (isText && isVectors) {
        throw new UserError('--dir and --query cannot be combined with --vectors and --query-vectors');
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
      await searchText({ dir, query, ...output }, terminal);
    });
}

function parseK(text: string): number {
  const k = /^\d+$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(k) || k < 1) throw new InvalidArgumentError('expected a whole number of at least 1');
  return k;
}
