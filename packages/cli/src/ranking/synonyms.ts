import { stemWord } from '../embedding/stem-word.js';

/** Words that readers and authors of technical texts use for the same thing. A word may be in several groups. */
const GROUPS = [
  'abort cancel stop interrupt terminate kill',
  'add create make new',
  'alert alarm warning notification',
  'allow permit accept support',
  'answer result output response return',
  'app application program process',
  'argument option parameter setting configuration config preference',
  'array list vector',
  'bug defect error fault failure problem issue',
  'broken failed faulty defective dead',
  'build compile',
  'cache resident keep',
  'change modify update edit alter',
  'check verify validate test',
  'choose select decide pick decision choice',
  'cli command terminal shell',
  'close dispose release free destroy',
  'computer machine host server hardware',
  'concurrent parallel simultaneous together',
  'continue resume proceed',
  'copy duplicate clone',
  'cost price overhead expense',
  'count number amount quantity',
  'crash abort die exit fail',
  'deadline timeout limit',
  'delay wait pause',
  'delete remove drop discard evict',
  'detect find notice discover recognize',
  'device gpu accelerator card',
  'documentation docs manual guide',
  'embedding vector',
  'example sample tutorial demo',
  'fast quick speed performance latency',
  'finish complete end settle resolve',
  'fix repair solve',
  'folder directory',
  'hang freeze stuck block',
  'incorrect wrong invalid bad',
  'install setup',
  'learn train estimate calibrate',
  'limit maximum cap bound restrict',
  'measure record track monitor metric statistics',
  'memory ram',
  'migrate port upgrade move',
  'os operating platform architecture system',
  'own custom',
  'package library module',
  'predict forecast estimate',
  'publish release deploy ship',
  'retry again repeat',
  'run execute start launch call',
  'save store persist write export',
  'load read import open',
  'search find query lookup',
  'share common shared',
  'similar nearest closest neighbour neighbor',
  'size length large big',
  'slow latency',
  'sort order rank',
  'split divide chunk batch piece cut',
  'thread worker',
  'tie equal same',
  'version release',
] as const;

const SYNONYMS = collectSynonyms();

/** The stems of words that mean about the same as the word with this stem. */
export function synonymsOf(stem: string): readonly string[] {
  return SYNONYMS.get(stem) ?? [];
}

function collectSynonyms(): ReadonlyMap<string, readonly string[]> {
  const synonyms = new Map<string, string[]>();
  for (const group of GROUPS) {
    const stems = [...new Set(group.split(' ').map(stemWord))];
    for (const stem of stems) {
      synonyms.set(stem, [...(synonyms.get(stem) ?? []), ...stems.filter((other) => other !== stem)]);
    }
  }
  return synonyms;
}
