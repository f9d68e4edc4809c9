import { basename, extname } from 'node:path';
import MiniSearch from 'minisearch';
import type { CorpusPassage } from '../corpus/read-corpus.js';
import { stemWord } from '../embedding/stem-word.js';
import { meaningfulWords } from '../embedding/tokenize.js';
import { separateCode } from './separate-code.js';
import { synonymsOf } from './synonyms.js';

/** Words in a heading say what its passages are about. The nearest heading counts twice: it is one of `headings` too. */
const WEIGHTS = { prose: 1, code: 1, headings: 2, nearestHeading: 1, fileName: 0.5 } as const;
/** A synonym helps where the word itself is missing, and must not outweigh it elsewhere. */
const SYNONYM_WEIGHT = 0.2;

type Fields = Readonly<Record<keyof typeof WEIGHTS, string>>;
interface Document extends Fields {
  readonly id: number;
  readonly letterShare: number;
}

/**
 * Ranks passages by the words that they share with a query: BM25 by MiniSearch over word stems and their synonyms. Each field has its own length
 * statistics, so a heading of two words counts more than two words of a long text.
 */
export class LexicalIndex {
  readonly #index = new MiniSearch<Document>({
    fields: Object.keys(WEIGHTS),
    storeFields: ['letterShare'],
    tokenize: meaningfulWords,
    processTerm: stemWord,
  });

  add(id: number, { file, text, headings }: CorpusPassage): void {
    const { prose, code } = separateCode(text);
    this.#index.add({
      id,
      letterShare: letterShareOf(prose === '' ? code : prose),
      prose,
      code,
      headings: headings.join('\n'),
      nearestHeading: headings.at(-1) ?? '',
      fileName: basename(file, extname(file)),
    });
  }

  /** The ids of all passages that contain a word of the query or a synonym, best first. */
  rank(query: string): number[] {
    const stems = [...new Set(meaningfulWords(query).map(stemWord))];
    const others = new Set(stems.flatMap(synonymsOf));
    for (const stem of stems) others.delete(stem);
    const found = this.#index.search([...stems, ...others].join(' '), {
      // The terms are stems already.
      tokenize: (terms) => terms.split(' '),
      processTerm: (term) => term,
      boost: WEIGHTS,
      boostTerm: (term) => (others.has(term) ? SYNONYM_WEIGHT : 1),
      // Tables of figures and dumps of data contain words too, but seldom answer a question.
      boostDocument: (_id, _term, stored) => Math.sqrt(Number(stored?.['letterShare'])),
    });
    return found.map(({ id }) => Number(id));
  }
}

function letterShareOf(text: string): number {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const blanks = text.match(/\s/g)?.length ?? 0;
  return letters / Math.max(1, text.length - blanks);
}
