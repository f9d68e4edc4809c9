/** A plausible mistake, in the built files of the package. */
export interface Defect {
  readonly what: string;
  readonly changes: readonly { readonly file: string; readonly sound: string; readonly defect: string }[];
  /** The events under which it shows. */
  readonly events: readonly string[];
  /** A part of the violation that must be found. */
  readonly found: RegExp;
}

const MERGE_WITHOUT_TIES = `import { finishTopK } from '@gearshift/contracts';
function mergeRanked(metric, lists, { indices, scores }) {
    const entries = lists.toReversed().flatMap((list) => Array.from(list.indices, (row, i) => [row, list.scores[i]]));
    entries.sort((a, b) => (metric === 'euclidean' ? a[1] - b[1] : b[1] - a[1]));
    for (const [i, [row, score]] of entries.slice(0, indices.length).entries()) [indices[i], scores[i]] = [row, score];
}`;
const CALM = ['a worker is slow'];
const WRONG = /wrong: /;

export const DEFECTS: readonly Defect[] = [
  {
    what: 'the merge ignores the rule for ties',
    changes: [
      {
        file: 'queries/run-scan.js',
        sound: "import { finishTopK, mergeRanked, } from '@gearshift/contracts';",
        defect: MERGE_WITHOUT_TIES,
      },
    ],
    events: CALM,
    found: WRONG,
  },
  {
    what: 'a worker answers from an older generation',
    changes: [
      {
        file: 'worker/query-desk.js',
        sound: 'const shard = this.#parts.store.find(query);',
        defect:
          'const shard = [...this.#parts.store.shards].find(({ spec }) => spec.key === query.key && spec.shard === query.shard);',
      },
    ],
    events: ['two coordinators place new rows', 'a worker is slow'],
    // The rows of shards may be others as well, which the coordinator sees.
    found: /wrong: |failed with invalid-result/,
  },
  {
    what: 'the answer of a hedge counts twice',
    changes: [
      {
        file: 'queries/shard-turn.js',
        sound: 'this.#onEnd(end);',
        defect: 'this.#onEnd(hedge !== undefined && this.#isBroadcast ? { ...end, isTwice: true } : end);',
      },
      {
        file: 'queries/gathered-answers.js',
        sound: 'this.#missing -= 1;',
        defect: 'this.#missing -= end.isTwice ? 2 : 1;',
      },
    ],
    events: ['a worker is slow', 'a worker hangs'],
    found: /threw TypeError/,
  },
  {
    what: 'a new version is answered from the placement of the old one',
    changes: [
      {
        file: 'residency/placed-operands.js',
        sound: 'placement?.version !== operand.version || !fits',
        defect: 'placement === undefined || !fits',
      },
    ],
    events: CALM,
    found: WRONG,
  },
  {
    what: 'answers of workers with another profile count',
    changes: [
      {
        file: 'queries/shard-turn.js',
        sound: 'if (worker?.profile === placement.profile)',
        defect: 'if (worker !== undefined)',
      },
    ],
    events: ['a process with another profile answers'],
    found: WRONG,
  },
  {
    what: 'rows outside of a shard are accepted',
    changes: [{ file: 'wire/answer.js', sound: 'if (row < start || row >= end || ', defect: 'if (' }],
    events: ['a worker lies: a row outside'],
    found: WRONG,
  },
  {
    what: 'one row is accepted twice',
    changes: [
      {
        file: 'wire/answer.js',
        sound: 'indices[i - 1], scores[i], row) >= 0)',
        defect: 'indices[i - 1], scores[i], row) > 0)',
      },
    ],
    events: ['a worker lies: one row twice'],
    found: WRONG,
  },
  {
    what: 'rows that no worker holds are not missed',
    changes: [
      {
        file: 'queries/run-scan.js',
        sound: 'placement.shardsIn(request.start, request.end)',
        defect:
          'placement.shardsIn(request.start, request.end).filter((spec) => context.directory.holders(spec).length > 0)',
      },
    ],
    events: ['two workers are killed'],
    found: WRONG,
  },
  {
    what: 'a question does not end when its time is over',
    changes: [
      {
        file: 'transport/nats/open-questions.js',
        sound: "const timer = setTimeout(() => fail(new TransportError('timeout', ",
        defect: "const timer = setTimeout(() => void (new TransportError('timeout', ",
      },
    ],
    events: ['a worker is separated', 'a worker hangs'],
    found: /no answer after/,
  },
  {
    what: 'the memory of a shard is not given back',
    changes: [
      {
        file: 'worker/shard-store.js',
        sound: 'this.#heldBytes -= shard.bytes;',
        defect: '',
      },
    ],
    events: CALM,
    found: /bytes are free|failed with out-of-memory/,
  },
];
