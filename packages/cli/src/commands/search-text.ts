import { readCorpus } from '../corpus/read-corpus.js';
import { createHashingTextEmbedder } from '../embedding/hashing-text-embedder.js';
import { loadTextEmbedder } from '../embedding/module-text-embedder.js';
import { tokenize } from '../embedding/tokenize.js';
import { displayPath } from '../output/display-path.js';
import { formatTextReport } from '../output/format-report.js';
import { jsonLine, oneLine } from '../output/one-line.js';
import { createProgress } from '../output/progress.js';
import type { TextSearchReport } from '../output/search-report.js';
import { indexPassages } from '../ranking/passage-index.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';

export interface SearchTextOptions {
  readonly dir: string;
  readonly query: string;
  readonly k: number;
  readonly json: boolean;
  /** Names of files and folders to leave out. */
  readonly exclude: readonly string[];
  /** Path of a module that embeds texts; undefined for the built-in embedding. */
  readonly embedder: string | undefined;
}

/** Further notices are counted instead of printed. */
const MAX_NOTICES = 5;
/**
 * Reads the folder, ranks its passages by the words they share with the query and by the similarity of their vectors, and prints the
 * best passages of both rankings together.
 */
export async function searchText(options: SearchTextOptions, terminal: Terminal): Promise<void> {
  const { dir, query, k, json, exclude } = options;
  if (query.trim() === '') throw new UserError('--query: expected words, got an empty text');
  if (tokenize(query).length === 0) throw new UserError(`--query: expected words, got '${query}'`);
  const embedder =
    options.embedder === undefined ? createHashingTextEmbedder() : await loadTextEmbedder(options.embedder);

  const stream = json ? undefined : terminal.progressStream;
  const reading = createProgress('Reading  ', stream);
  const { passages, fileCount, notices } = await readCorpus(dir, { exclude, onProgress: reading.update }).finally(
    reading.stop,
  );
  printNotices(notices, terminal);

  const embedding = createProgress('Embedding', stream);
  const index = await indexPassages(passages, embedder, embedding.update).finally(embedding.stop);
  const ranked = await index.rank(query, k);
  const report: TextSearchReport = {
    query,
    results: ranked.passages.map(({ id, score }) => {
      const { file, line, text } = passages[id];
      return { score, file: displayPath(file), line, text };
    }),
    ...ranked.facts,
  };
  if (json) terminal.writeOut(jsonLine(report));
  else {
    const searched = `${passages.length} passages of ${fileCount} files in ${displayPath(dir)}`;
    terminal.writeOut(formatTextReport(report, searched, ranked.device));
  }
}

function printNotices(notices: readonly string[], terminal: Terminal): void {
  for (const notice of notices.slice(0, MAX_NOTICES)) terminal.writeError(`gearshift: ${oneLine(notice)}\n`);
  const more = notices.length - MAX_NOTICES;
  if (more > 0) terminal.writeError(`gearshift: skipped ${more} more\n`);
}
