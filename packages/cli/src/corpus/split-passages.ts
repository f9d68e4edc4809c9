/** A piece of a text that is searched and shown as one. */
export interface Passage {
  /** 1-based line where the passage begins. */
  readonly line: number;
  /** At most {@link MAX_PASSAGE_CHARACTERS} characters, as they stand in the file, without blank lines at the ends. */
  readonly text: string;
  /** The headings above it, outermost first: context for the embedding, not part of `text`. */
  readonly headings: readonly string[];
}

export interface SplitOptions {
  /** Lines that begin with `#` are headings. */
  readonly markdown: boolean;
}

/** About what fits on half a screen: enough to stand alone, little enough to be about one thing. */
export const MAX_PASSAGE_CHARACTERS = 1200;
/** Paragraphs under one heading are joined until a passage has this many characters. */
const ENOUGH_CHARACTERS = 400;

interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * Splits a text at its headings and blank lines. Short paragraphs under one heading are joined, long ones are cut at
 * line ends, and a line too long for a passage is cut between words.
 */
export function splitPassages(text: string, { markdown }: SplitOptions): Passage[] {
  const passages: Passage[] = [];
  const headings: string[] = [];
  let current: Line[] = [];
  let currentLength = 0;
  let fence: string | undefined;

  const finish = (): void => {
    while (current.length > 0 && current[current.length - 1].text.trim() === '') current.pop();
    if (current.length > 0) {
      passages.push({
        line: current[0].number,
        text: current.map((line) => line.text).join('\n'),
        // A level that a document leaves out is a hole in the array; flat() drops holes.
        headings: headings.flat(),
      });
    }
    current = [];
    currentLength = 0;
  };

  for (const line of boundedLines(text)) {
    const isBlank = line.text.trim() === '';
    if (markdown) {
      const marker = /^ {0,3}(`{3,}|~{3,})/.exec(line.text)?.[1];
      if (fence === undefined) fence = marker;
      else if (marker?.startsWith(fence)) fence = undefined;
    }
    const heading = markdown && fence === undefined ? /^(#{1,6})\s+(.+?)\s*#*\s*$/.exec(line.text) : null;
    if (heading !== null) {
      finish();
      headings.length = Math.min(headings.length, heading[1].length - 1);
      headings[heading[1].length - 1] = heading[2];
    } else if (isBlank && fence === undefined && currentLength >= ENOUGH_CHARACTERS) {
      finish();
    }
    if (currentLength + line.text.length + 1 > MAX_PASSAGE_CHARACTERS) finish();
    if (isBlank && current.length === 0) continue;
    current.push(line);
    currentLength += line.text.length + 1;
  }
  finish();
  // A heading with nothing under it says too little to be an answer; its words reach the passages below it anyway.
  const answers = passages.filter((passage) => !markdown || !/^#{1,6}\s.*$/.test(passage.text));
  return answers.length > 0 ? answers : passages;
}

/** The lines of a text with their numbers; a line too long for a passage comes in pieces under the same number. */
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

/** `length`, or one less where it would cut a character of two code units in half. */
function wholeCharacters(text: string, length: number): number {
  const last = text.charCodeAt(length - 1);
  return last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
}
