import type { Clock } from '../clock.js';
import type { Subjects } from '../subjects.js';
import { reasonOf } from '../transport/reason-of.js';
import type { ClusterTransport } from '../transport/transport.js';
import type { KnownWorker, WorkerDirectory } from './worker-directory.js';

export const PROBE_EVERY_MS = 1000;
const NOTHING = new Uint8Array();

export interface ProbeParts {
  readonly transport: ClusterTransport;
  readonly subjects: Subjects;
  readonly directory: WorkerDirectory;
  readonly clock: Clock;
}

/**
 * Finds out whether a silent worker is gone, which is then forgotten, or only does not answer. At most once a second; resolves when the
 * latest attempt has ended.
 */
export function probeWorker({ transport, subjects, directory, clock }: ProbeParts, worker: KnownWorker): Promise<void> {
  const nowMs = clock.nowMs();
  if (nowMs - worker.probedAtMs < PROBE_EVERY_MS) return worker.probing;
  worker.probedAtMs = nowMs;
  worker.probing = transport.ask(subjects.worker(worker.worker, 'query'), NOTHING, { timeoutMs: PROBE_EVERY_MS }).then(
    // It refuses such a query, and the next announcement says the rest.
    () => {},
    (error: unknown) => {
      if (reasonOf(error) === 'no-receiver') directory.forget(worker.worker);
    },
  );
  return worker.probing;
}
