/** A part of a text that is searched and shown as one. */
export interface Passage {
  /** 1-based line of the beginning. */
  readonly line: number;
  /** At most {@link MAX_PASSAGE_CHARACTERS} characters, as in the file, without blank lines at the ends. */
  readonly text: string;
  /** The headings above it, outermost first: context for the embedding, not part of `text`. */
  readonly headings: readonly string[];
}

export interface SplitOptions {
  /** Lines that begin with `#` are headings. */
  readonly markdown: boolean;
}

/** About half a screen: enough to be understood alone, and little enough to have one subject. */
export const MAX_PASSAGE_CHARACTERS = 1200;
/** Paragraphs under one heading are joined until a passage has this many characters. */
const ENOUGH_CHARACTERS = 400;
/** If the last passage under a heading is shorter, it is joined to the one before, if both fit. */
const TOO_FEW_CHARACTERS = 200;

interface Line {
  readonly number: number;
  readonly text: string;
}

/** Consecutive lines under one heading. */
interface Piece {
  readonly headings: readonly string[];
  readonly lines: Line[];
}

/**
 * Splits a text at its headings and blank lines. Short paragraphs under one heading are joined, long ones are cut at
 * line ends, and a line too long for a passage is cut between words.
 */
export function splitPassages(text: string, { markdown }: SplitOptions): Passage[] {
  const passages = sections(text, markdown)
    .flatMap(splitSection)
    .map(({ headings, lines }) => ({ line: lines[0].number, text: textOf(lines), headings }));
  // A heading without text is not useful as a result, and its words are also part of the passages below it.
  const answers = passages.filter((passage) => !markdown || !isHeadingOnly(passage.text));
  return answers.length > 0 ? answers : passages;
}

/** Whether a passage of Markdown has no text below its heading, apart from rules and other lines without words. */
export function isHeadingOnly(text: string): boolean {
  return text.split('\n').every((line) => headingOf(line) !== undefined || !/[\p{L}\p{N}`~]/u.test(line));
}

/** Splits the lines at headings. Each section begins with its heading. */
function sections(text: string, markdown: boolean): Piece[] {
  const path: string[] = [];
  let section: Piece = { headings: [], lines: [] };
  const all = [section];
  let fence: string | undefined;
  for (const line of boundedLines(text)) {
    if (markdown) {
      const marker = /^ {0,3}(`{3,}|~{3,})/.exec(line.text)?.[1];
      if (fence === undefined) fence = marker;
      else if (marker?.startsWith(fence)) fence = undefined;
      const heading = fence === undefined ? headingOf(line.text) : undefined;
      if (heading !== undefined) {
        path.length = Math.min(path.length, heading.level - 1);
        path[heading.level - 1] = heading.title;
        // A skipped heading level leaves a hole in the array; flat() removes holes.
        section = { headings: path.flat(), lines: [] };
        all.push(section);
      }
    }
    section.lines.push(line);
  }
  return all;
}

/** The heading in a line of Markdown; undefined if it is none. Without a regular expression for the title: it would backtrack. */
function headingOf(line: string): { readonly level: number; readonly title: string } | undefined {
  const level = /^#{1,6}(?=\s)/.exec(line)?.[0].length;
  if (level === undefined) return undefined;
  const title = withoutClosingMarks(line.slice(level).trim());
  return title === '' ? undefined : { level, title };
}

/** `Title ##` is the title `Title`, but `C#` stays. */
function withoutClosingMarks(title: string): string {
  let end = title.length;
  while (title[end - 1] === '#') end -= 1;
  return end === 0 || /\s/.test(title[end - 1]) ? title.slice(0, end).trim() : title;
}

/** Splits a section into passages, without blank lines at their ends. */
function splitSection({ headings, lines }: Piece): Piece[] {
  const pieces: Piece[] = [];
  let current: Line[] = [];
  let currentLength = 0;
  let isInCode = false;
  const finish = (): void => {
    const piece = { headings, lines: withoutBlankEnds(current) };
    if (piece.lines.length > 0) pieces.push(piece);
    current = [];
    currentLength = 0;
  };

  for (const line of lines) {
    if (/^ {0,3}(`{3}|~{3})/.test(line.text)) isInCode = !isInCode;
    const isBlank = line.text.trim() === '';
    if (isBlank && !isInCode && currentLength >= ENOUGH_CHARACTERS) finish();
    if (currentLength + line.text.length + 1 > MAX_PASSAGE_CHARACTERS) finish();
    current.push(line);
    currentLength += line.text.length + 1;
  }
  finish();
  return joinShortEnd(pieces, lines);
}

/** Joins a short end to the passage before it. Otherwise the output of an example could be a passage of two words. */
function joinShortEnd(pieces: Piece[], section: readonly Line[]): Piece[] {
  const [before, last] = pieces.slice(-2);
  if (last === undefined || textOf(last.lines).length >= TOO_FEW_CHARACTERS) return pieces;
  const end = section.indexOf(last.lines[last.lines.length - 1]) + 1;
  const joined = section.slice(section.indexOf(before.lines[0]), end);
  if (textOf(joined).length > MAX_PASSAGE_CHARACTERS) return pieces;
  return [...pieces.slice(0, -2), { headings: before.headings, lines: joined }];
}

function textOf(lines: readonly Line[]): string {
  return lines.map((line) => line.text).join('\n');
}

function withoutBlankEnds(lines: readonly Line[]): Line[] {
  const isText = ({ text }: Line): boolean => text.trim() !== '';
  const first = lines.findIndex(isText);
  return first === -1 ? [] : lines.slice(first, lines.findLastIndex(isText) + 1);
}

/** The lines of a text with their numbers. A line too long for a passage is split into several with the same number. */
function* boundedLines(text: string): Generator<Line> {
  let number = 0;
  for (const line of text.split(/\r\n|\n|\r/)) {
    number += 1;
    let rest = line;
    while (rest.length >= MAX_PASSAGE_CHARACTERS) {
      const space = rest.lastIndexOf(' ', MAX_PASSAGE_CHARACTERS - 1);
      const cut = space > 0 ? space : wholeCharacters(rest, MAX_PASSAGE_CHARACTERS - 1);
      yield { number, text: rest.slice(0, cut) };
      rest = rest.slice(space > 0 ? cut + 1 : cut);
    }
    yield { number, text: rest };
  }
}

/** `length`, or one less if it would split a surrogate pair. */
function wholeCharacters(text: string, length: number): number {
  const last = text.charCodeAt(length - 1);
  return last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
}
