import { readCorpus } from '../corpus/read-corpus.js';
import { EMBEDDING_DIMENSIONS, fitEmbedder } from '../embedding/hashed-embedder.js';
import { tokenize } from '../embedding/tokenize.js';
import { displayPath } from '../output/display-path.js';
import { formatTextReport } from '../output/format-report.js';
import { jsonLine, oneLine } from '../output/one-line.js';
import { createProgress } from '../output/progress.js';
import type { TextSearchReport } from '../output/search-report.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';
import { rankRows } from './rank-rows.js';

export interface SearchTextOptions {
  readonly dir: string;
  readonly query: string;
  readonly k: number;
  readonly json: boolean;
}

/** Further notices are counted instead of printed. */
const MAX_NOTICES = 5;
/** Passages between two updates of the progress bar. */
const PROGRESS_STEP = 256;

/** Reads the folder, embeds its passages and the query, and prints the passages most similar to the query. */
export async function searchText(options: SearchTextOptions, terminal: Terminal): Promise<void> {
  const { dir, query, k, json } = options;
  if (query.trim() === '') throw new UserError('--query: expected words, got an empty text');
  if (tokenize(query).length === 0) throw new UserError(`--query: expected words, got '${query}'`);

  const stream = json ? undefined : terminal.progressStream;
  const reading = createProgress('Reading  ', stream);
  const corpus = await readCorpus(dir, { onProgress: reading.update }).finally(reading.stop);
  printNotices(corpus.notices, terminal);

  const texts = corpus.passages.map(({ headings, text }) => `${headings.join('\n')}\n${text}`);
  const embedding = createProgress('Embedding', stream);
  // Every text is processed twice: for the document frequencies, and for its vector.
  const embedder = fitEmbedder(watched(texts, (done) => embedding.update(done, 2 * texts.length)));
  const values = new Float32Array(texts.length * EMBEDDING_DIMENSIONS);
  let offset = 0;
  for (const text of watched(texts, (done) => embedding.update(texts.length + done, 2 * texts.length))) {
    embedder.embedInto(text, values.subarray(offset, offset + EMBEDDING_DIMENSIONS));
    offset += EMBEDDING_DIMENSIONS;
  }
  embedding.stop();
  const queryVector = new Float32Array(EMBEDDING_DIMENSIONS);
  embedder.embedInto(query, queryVector);

  const ranked = await rankRows({ values, dimensions: EMBEDDING_DIMENSIONS, query: queryVector, k });
  const report: TextSearchReport = {
    query,
    results: ranked.matches.map(({ row, score }) => {
      const { file, line, text } = corpus.passages[row];
      return { score, file: displayPath(file), line, text };
    }),
    ...ranked.facts,
  };
  if (json) terminal.writeOut(jsonLine(report));
  else {
    const searched = `${corpus.passages.length} passages of ${corpus.fileCount} files in ${displayPath(dir)}`;
    terminal.writeOut(formatTextReport(report, searched, ranked.device));
  }
}

/** Yields the items and reports the progress from time to time. */
function* watched<T>(items: readonly T[], report: (done: number) => void): Generator<T> {
  for (const [index, item] of items.entries()) {
    if (index % PROGRESS_STEP === 0) report(index);
    yield item;
  }
}

function printNotices(notices: readonly string[], terminal: Terminal): void {
  for (const notice of notices.slice(0, MAX_NOTICES)) terminal.writeError(`gearshift: ${oneLine(notice)}\n`);
  const more = notices.length - MAX_NOTICES;
  if (more > 0) terminal.writeError(`gearshift: skipped ${more} more\n`);
}
