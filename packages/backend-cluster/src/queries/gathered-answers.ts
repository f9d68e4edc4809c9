import type { ShardAnswer } from '../wire/answer.js';
import type { TurnEnd, TurnFailure } from './turn-end.js';

export type PartsEnd =
  | { readonly ok: true; readonly answers: readonly ShardAnswer[] }
  | { readonly ok: false; readonly failure: TurnFailure };

/** The answers to all parts of a query, or the first failure. */
export class GatheredAnswers {
  readonly end: Promise<PartsEnd>;
  readonly #answers: ShardAnswer[];
  #missing: number;
  #settle: (end: PartsEnd) => void = () => {};
  #onOver = () => {};

  constructor(parts: number) {
    this.#answers = new Array<ShardAnswer>(parts);
    this.#missing = parts;
    this.end = new Promise((resolve) => (this.#settle = resolve));
    if (parts === 0) this.#settle({ ok: true, answers: this.#answers });
  }

  /** Whether there is nothing more to wait for. */
  get isOver(): boolean {
    return this.#missing <= 0;
  }

  /** Calls back when it is over. */
  whenOver(callback: () => void): void {
    this.#onOver = callback;
  }

  /** Each part ends once. */
  add(part: number, end: TurnEnd): void {
    if (this.isOver) return;
    if ('failure' in end) {
      this.#missing = 0;
      this.#settle({ ok: false, failure: end.failure });
    } else {
      this.#answers[part] = end.answer;
      this.#missing -= 1;
      if (this.#missing > 0) return;
      this.#settle({ ok: true, answers: this.#answers });
    }
    this.#onOver();
  }
}
