import type { RunErrorKind } from '@gearshift/contracts';
import { KINDS_OF_LOSSES } from './answers.js';

/** An excuse holds on for so long after its event: connections are made again after up to 1.5 seconds, and suspicions fade. */
const LINGER_MS = 8000;

/** What came of all queries, and what must not have. */
export class Tally {
  readonly outcomes = new Map<string, number>();
  readonly events = new Map<string, number>();
  /** How often what is rare was compared with what is right. */
  readonly rare = { partial: 0, resumed: 0, oldHandle: 0 };
  readonly violations: string[];
  readonly #mostViolations: number;
  readonly #excuses = new Map<RunErrorKind, number>();
  #current = 'no event';
  queries = 0;
  right = 0;
  slowestMs = 0;

  constructor(violations: string[], mostViolations: number) {
    this.violations = violations;
    this.#mostViolations = mostViolations;
  }

  /** An event begins: queries may have failures of these kinds from now on. */
  begin(names: readonly string[], kinds: readonly RunErrorKind[]): void {
    this.#current = names.join(' and ');
    for (const name of names) this.events.set(name, (this.events.get(name) ?? 0) + 1);
    for (const kind of kinds) this.#excuses.set(kind, Infinity);
  }

  /** All events have ended. */
  end(): void {
    this.#current = `after: ${this.#current}`;
    for (const [kind, untilMs] of this.#excuses) {
      if (untilMs === Infinity) this.#excuses.set(kind, performance.now() + LINGER_MS);
    }
  }

  noteRight(startedAtMs: number): void {
    this.right += 1;
    this.#note('right', startedAtMs);
  }

  /** A query failed, which it may for some kinds of failures. */
  noteFailure(what: string, kind: RunErrorKind, message: string, startedAtMs: number, isAborted: boolean): void {
    const isExcused = (this.#excuses.get(kind) ?? 0) >= startedAtMs;
    const isAllowed = KINDS_OF_LOSSES.includes(kind) || (kind === 'aborted' && isAborted) || isExcused;
    if (!isAllowed) this.violate(`${what}: failed with ${kind}: ${message}`);
    this.#note(kind, startedAtMs);
  }

  violate(problem: string): void {
    if (this.violations.length < this.#mostViolations) this.violations.push(`${problem} [${this.#current}]`);
  }

  get isSpoilt(): boolean {
    return this.violations.length >= this.#mostViolations;
  }

  #note(outcome: string, startedAtMs: number): void {
    this.queries += 1;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAtMs);
  }
}
