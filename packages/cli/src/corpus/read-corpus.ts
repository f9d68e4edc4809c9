import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { UserError } from '../user-error.js';
import { reasonOf } from '../files/reason-of.js';
import { findFiles } from './find-files.js';
import { MAX_FILE_BYTES, readText } from './read-text.js';
import { isHeadingOnly, splitPassages, type Passage } from './split-passages.js';

/** A passage and its file. */
export interface CorpusPassage extends Passage {
  /** Begins with the folder given by the user. */
  readonly file: string;
}

export interface Corpus {
  readonly passages: readonly CorpusPassage[];
  /** Number of files with at least one passage. */
  readonly fileCount: number;
  /** One line for each skipped file or folder, with the reason. Binary and generated files are skipped without a line. */
  readonly notices: readonly string[];
}

export interface ReadCorpusOptions {
  /** Names of files and folders to leave out. */
  readonly exclude?: readonly string[] | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The vectors of this many passages, of 768 float32 each, take 0.6 GB. */
export const MAX_PASSAGES = 200_000;
/** The mark `@generated` counts only near the beginning of a file: further down a text may be about it. */
const GENERATED_MARK_CHARACTERS = 300;
const MARKDOWN_EXTENSIONS = new Set(['.md', '.markdown', '.mdx']);

/**
 * Reads every text file under `folder` and splits it into passages.
 *
 * @throws UserError if the folder does not exist, is not a folder, or contains no text
 */
export async function readCorpus(folder: string, options: ReadCorpusOptions = {}): Promise<Corpus> {
  const { exclude, onProgress } = options;
  await requireFolder(folder);
  const { files, unreadable } = await findFiles(folder, exclude);
  const notices = unreadable.map(({ path, reason }) => `skipped ${path}: ${reason}`);

  const passages: CorpusPassage[] = [];
  const counts = { text: 0, binary: 0, generated: 0 };
  for (const [index, file] of files.entries()) {
    onProgress?.(index, files.length);
    const text = await readOrSkip(file, counts, notices);
    if (text === undefined) continue;
    if (isGenerated(text)) {
      counts.generated += 1;
      continue;
    }
    counts.text += 1;
    for (const passage of splitPassages(text, { markdown: isMarkdown(file) })) passages.push({ ...passage, file });
    if (passages.length > MAX_PASSAGES) {
      throw new UserError(`--dir ${folder}: more than ${MAX_PASSAGES} passages; search a smaller folder`);
    }
  }
  onProgress?.(files.length, files.length);
  if (passages.length === 0) throw new UserError(`--dir ${folder}: ${whyEmpty(files.length, counts, notices)}`);
  // A heading alone is no answer. It stays only where nothing else can be found.
  const answers = passages.filter(({ text, file }) => !isMarkdown(file) || !isHeadingOnly(text));
  const kept = answers.length > 0 ? answers : passages;
  return { passages: kept, fileCount: new Set(kept.map(({ file }) => file)).size, notices };
}

function isMarkdown(file: string): boolean {
  return MARKDOWN_EXTENSIONS.has(extname(file).toLowerCase());
}

/** Whether a comment at the beginning says that a program wrote the file, such as the pages of an API reference. */
function isGenerated(text: string): boolean {
  return text.slice(0, GENERATED_MARK_CHARACTERS).includes('@generated');
}

async function requireFolder(folder: string): Promise<void> {
  try {
    if ((await stat(folder)).isDirectory()) return;
  } catch (error) {
    throw new UserError(`--dir ${folder}: cannot read the folder (${reasonOf(error)})`);
  }
  throw new UserError(`--dir ${folder}: expected a folder, got a file`);
}

async function readOrSkip(file: string, counts: { binary: number }, notices: string[]): Promise<string | undefined> {
  try {
    const read = await readText(file);
    if (read.kind === 'text') return read.text;
    if (read.kind === 'binary') counts.binary += 1;
    else {
      const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
      notices.push(`skipped ${file}: ${mebibytes(read.fileBytes)} MiB, the limit is ${mebibytes(MAX_FILE_BYTES)} MiB`);
    }
  } catch (error) {
    notices.push(`skipped ${file}: ${reasonOf(error)}`);
  }
  return undefined;
}

function whyEmpty(
  fileCount: number,
  counts: { readonly text: number; readonly binary: number; readonly generated: number },
  notices: readonly string[],
): string {
  if (notices.length > 0) return `no text to search (${notices[0]})`;
  if (fileCount === 0) return 'the folder contains no files';
  if (counts.binary === fileCount) return 'the folder contains only binary files';
  const generated = counts.generated > 0 ? `, ${counts.generated} marked @generated` : '';
  return `no text to search (${counts.text} empty and ${counts.binary} binary files${generated})`;
}
