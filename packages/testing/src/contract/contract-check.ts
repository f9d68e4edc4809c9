import type { Backend, SyncBackend } from '@gearshift/contracts';

export interface Subject {
  /** Fresh for each check, closed after it. */
  readonly backend: Backend;
  /** The same backend, where it offers synchronous twins. */
  readonly sync: SyncBackend | undefined;
  /** What the documented tolerances are multiplied by. */
  readonly toleranceFactor: number;
}

/** One thing that every backend has to do. It throws an AssertionError where the backend does not. */
export interface ContractCheck {
  /** Unique. */
  readonly name: string;
  /** The reason why the check says nothing about this backend, where there is one: shown as a skip, never a pass. */
  skipReason?(subject: Subject): string | undefined;
  run(subject: Subject): Promise<void>;
}

/** Runs a check over a fresh backend, which is closed afterwards. */
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
