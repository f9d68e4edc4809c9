import type { NativeRows } from '@gearshift/contracts';

/** What the executor adds to the matrices and graphs that it makes or attaches. */
export interface OperandOwner {
  readonly native: NativeRows | undefined;
  /** Releases what devices keep of an operand. */
  onDispose(operand: { readonly id: number }): void;
}
