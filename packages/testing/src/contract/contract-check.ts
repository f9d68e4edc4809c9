import type { Backend, SyncBackend } from '@gearshift/contracts';

export interface Subject {
  /** A new backend for each check, closed after it. */
  readonly backend: Backend;
  /** The same backend, if it has the synchronous methods. */
  readonly sync: SyncBackend | undefined;
  /** Factor for the documented tolerances. */
  readonly toleranceFactor: number;
}

/** One requirement for every backend. Throws an AssertionError when the backend does not meet it. */
export interface ContractCheck {
  /** Unique. */
  readonly name: string;
  /** Why the check does not apply to this backend, if so: shown as a skip, never as a pass. */
  skipReason?(subject: Subject): string | undefined;
  run(subject: Subject): Promise<void>;
}

/** Runs a check with a new backend, which is closed afterwards. */
export async function runCheck(
  check: ContractCheck,
  createBackend: () => Promise<Backend>,
  {
    toleranceFactor = 1,
    onSkip = (): void => {},
  }: { toleranceFactor?: number; onSkip?: (reason: string) => void } = {},
): Promise<void> {
  const backend = await createBackend();
  try {
    const subject: Subject = { backend, sync: asSyncBackend(backend), toleranceFactor };
    const reason = check.skipReason?.(subject);
    if (reason === undefined) await check.run(subject);
    else onSkip(reason);
  } finally {
    await backend.close();
  }
}

function asSyncBackend(backend: Backend): SyncBackend | undefined {
  return 'cosineSimilaritySync' in backend ? (backend as SyncBackend) : undefined;
}
