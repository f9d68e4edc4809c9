import type { Operand } from '@gearshift/contracts';

/** A version of an operand that requests are answered from: it stays as it is until it is released. */
export interface Version<T extends Operand = Operand> {
  readonly operand: T;
  release(): void;
}
