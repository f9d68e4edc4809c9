import type { NativeRows } from '@gearshift/contracts';
import type { CompanionProvider } from '@gearshift/storage';

/** What the executor adds to the matrices and graphs that it makes or attaches. */
export interface OperandOwner {
  readonly native: NativeRows | undefined;
  /** What the file of a matrix gets beside the rows. */
  readonly companionOf: CompanionProvider;
  /** Releases what devices keep of an operand. */
  onDispose(operand: { readonly id: number }): void;
}
