import { err, ok, type Result } from '@gearshift/contracts';
import type { ItemFunction } from '../src/index.js';

/** The behaviour of one call of the function. */
export const ACTIONS = [
  'succeed',
  'out-of-memory',
  'fault',
  'device-lost',
  'invalid-input',
  'invalid-result',
  'own-error',
  'throw',
  'reject',
  'too-few',
  'too-many',
  'garbage',
  'never',
] as const;
export type Action = (typeof ACTIONS)[number];

export interface BackendLikeError {
  readonly kind: string;
  readonly message: string;
}

/** The correct answer for an item. */
export function answerFor(item: number): number {
  return item * 3 + 1;
}

/** Follows the script call by call, then always succeeds. */
export class ScriptedFunction {
  readonly calls: { items: number[]; action: Action }[] = [];
  /** Settles the calls that did not settle in time, with results that a test would detect. */
  readonly settleLate: (() => void)[] = [];
  readonly #script: readonly Action[];
  readonly #mostItems: number;

  /** @param mostItems calls with more items run out of memory, regardless of the script. */
  constructor(script: readonly Action[], mostItems = Infinity) {
    this.#script = script;
    this.#mostItems = mostItems;
  }

  readonly fn: ItemFunction<number, number, BackendLikeError> = (items) => {
    const scripted = this.#script.at(this.calls.length) ?? 'succeed';
    const action = items.length > this.#mostItems ? 'out-of-memory' : scripted;
    this.calls.push({ items, action });
    return this.#perform(action, items);
  };

  /** How often each item was in a call with a correct answer. */
  successes(total: number): number[] {
    const counts = new Array<number>(total).fill(0);
    for (const { items, action } of this.calls) {
      if (action === 'succeed') for (const item of items) counts[item] += 1;
    }
    return counts;
  }

  #perform(
    action: Action,
    items: number[],
  ): Promise<Result<number[], BackendLikeError>> | Result<number[], BackendLikeError> {
    const answers = items.map(answerFor);
    switch (action) {
      case 'succeed':
        return Promise.resolve(ok(answers));
      case 'out-of-memory':
      case 'fault':
      case 'device-lost':
      case 'invalid-input':
      case 'invalid-result':
        return err({ kind: action, message: `scripted ${action}` });
      case 'own-error':
        return Promise.resolve(err({ kind: 'weather', message: 'rain' }));
      case 'throw':
        throw new TypeError('scripted throw');
      case 'reject':
        return Promise.reject(new Error('scripted rejection', { cause: new Error('below') }));
      case 'too-few':
        return ok(answers.slice(1));
      case 'too-many':
        return ok([...answers, -1]);
      case 'garbage':
        return 'garbage' as unknown as Result<number[], BackendLikeError>;
      case 'never':
        return new Promise((resolve) => {
          this.settleLate.push(() => resolve(ok(items.map(() => -999))));
        });
    }
  }
}
