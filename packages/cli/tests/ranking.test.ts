import { describe, expect, test } from 'vitest';
import type { CorpusPassage } from '../src/corpus/read-corpus.js';
import { fuseRankings } from '../src/ranking/fuse-rankings.js';
import { LexicalIndex } from '../src/ranking/lexical-index.js';
import { separateCode } from '../src/ranking/separate-code.js';
import { synonymsOf } from '../src/ranking/synonyms.js';

describe('fuseRankings', () => {
  test('adds the reciprocal places of an item, by the weight of each ranking', () => {
    const fused = fuseRankings([
      { ids: [1, 2], weight: 1 },
      { ids: [2, 3], weight: 2 },
    ]);
    expect(fused.map(({ id }) => id)).toEqual([2, 3, 1]);
    expect(fused[0].score).toBeCloseTo(1 / 62 + 2 / 61, 12);
    expect(fused[2].score).toBeCloseTo(1 / 61, 12);
  });

  test('prefers an item that is good in both rankings to one that is best in one', () => {
    const fused = fuseRankings([
      { ids: [7, 5], weight: 1 },
      { ids: [8, 5], weight: 1 },
    ]);
    expect(fused[0].id).toBe(5);
  });

  test('keeps the order of the first ranking for ties, and accepts empty rankings', () => {
    const both = [
      { ids: [4, 9], weight: 1 },
      { ids: [9, 4], weight: 1 },
    ];
    expect(fuseRankings(both).map(({ id }) => id)).toEqual([4, 9]);
    expect(fuseRankings([{ ids: [], weight: 1 }])).toEqual([]);
  });
});

describe('LexicalIndex', () => {
  function rank(query: string, ...passages: (string | Partial<CorpusPassage>)[]): number[] {
    const index = new LexicalIndex();
    for (const [id, passage] of passages.entries()) {
      const given = typeof passage === 'string' ? { text: passage } : passage;
      index.add(id, { file: 'a.md', line: 1, text: '', headings: [], ...given });
    }
    return index.rank(query);
  }

  test('finds other forms of a word', () => {
    expect(rank('splits', 'cats and dogs', 'a request is split')).toEqual([1]);
    expect(rank('run out', 'nothing', 'it is running')).toEqual([1]);
  });

  test('finds a part of a name', () => {
    expect(rank('deadline', 'x', 'the option `deadlineMs`')).toEqual([1]);
    expect(rank('topK', 'x', 'executor.topK(query)')).toEqual([1]);
  });

  test('prefers words in a heading to words in the text', () => {
    const text = 'several words about something';
    expect(rank('threads', { text: `${text} threads` }, { text, headings: ['Threads'] })[0]).toBe(1);
  });

  test('prefers the word of the query to a synonym, and finds synonyms', () => {
    expect(rank('cancel a request', 'abort it', 'cancel it', 'other')).toEqual([1, 0]);
  });

  test('is not misled by the length of a code example', () => {
    const line = (_value: unknown, index: number): string => `const value${index} = compute${index}(input${index});`;
    const code = `\`\`\`js\n${Array.from({ length: 20 }, line).join('\n')}\n\`\`\``;
    const prose = 'Planes land at night while passengers sleep and a signal shines.';
    expect(rank('signal', prose, `A signal ends it.\n\n${code}`)[0]).toBe(1);
  });

  test('prefers prose to tables of figures', () => {
    const figures = '| latency | 1.25 | 2.50 | 3.75 | 4.00 | 5.25 | 6.50 |';
    expect(rank('latency', figures, 'the latency of a request is measured here as always')[0]).toBe(1);
  });

  test('accepts words that are names of object members', () => {
    expect(rank('constructor __proto__', 'nothing', 'the constructor')).toEqual([1]);
  });
});

test('separateCode separates fenced blocks from prose', () => {
  expect(separateCode('a\n```js\nb\n~~~\n```\nc\n~~~\nd')).toEqual({ prose: 'a\nc', code: 'b\n~~~\nd' });
});

test('a word is a synonym of each of its synonyms, and never of itself', () => {
  for (const stem of ['abort', 'cancel', 'fast', 'gpu']) {
    expect(synonymsOf(stem).length).toBeGreaterThan(0);
    expect(synonymsOf(stem)).not.toContain(stem);
    for (const other of synonymsOf(stem)) expect(synonymsOf(other)).toContain(stem);
  }
  expect(synonymsOf('sourdough')).toEqual([]);
});
