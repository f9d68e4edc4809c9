import { rankRows, type RankedRows } from './rank-rows.js';
import type { CorpusPassage } from '../corpus/read-corpus.js';
import type { TextEmbedder } from '../embedding/text-embedder.js';
import { createEventLoopTurns } from '../event-loop-turns.js';
import { fuseRankings, type FusedItem } from './fuse-rankings.js';
import { LexicalIndex } from './lexical-index.js';

/** Passages that each ranking contributes, if fewer results are wanted. */
const CANDIDATES = 200;

export interface PassageRanking extends Pick<RankedRows, 'device' | 'facts'> {
  /** The best passages by their position in the corpus, best first. */
  readonly passages: readonly FusedItem[];
}

/** Passages, ready for queries. */
export interface PassageIndex {
  /** Ranks passages by their words and by their vectors, and joins both rankings. */
  rank(query: string, k: number): Promise<PassageRanking>;
}

export async function indexPassages(
  passages: readonly CorpusPassage[],
  embedder: TextEmbedder,
  onProgress: (done: number, total: number) => void,
): Promise<PassageIndex> {
  const { dimensions, lexicalWeight } = embedder;
  // A passage far down in a section says little without the headings above it.
  const texts = passages.map(({ headings, text }) => `${headings.join('\n')}\n${text}`);
  const values = await embedder.embedPassages(texts, onProgress);
  const turn = createEventLoopTurns();
  const lexicalIndex = new LexicalIndex();
  for (const [id, passage] of passages.entries()) {
    lexicalIndex.add(id, passage);
    await turn();
  }
  return {
    async rank(query, k) {
      const count = Math.max(k, CANDIDATES);
      const lexicalIds = lexicalIndex.rank(query).slice(0, count);
      const nearest = await rankRows({ values, dimensions, query: await embedder.embedQuery(query), k: count });
      const fused = fuseRankings([
        { ids: lexicalIds, weight: lexicalWeight },
        { ids: nearest.matches.map(({ row }) => row), weight: 1 },
      ]);
      return { passages: fused.slice(0, k), facts: nearest.facts, device: nearest.device };
    },
  };
}
