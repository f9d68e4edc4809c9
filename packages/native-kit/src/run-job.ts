import type { JobEntries } from './addon-entries.js';

/** The report of an addon about a job: its status, 0 or negative, and the fields that the addon adds. */
type Report = readonly [status: number, ...details: unknown[]];

/**
 * Starts a job on the threads of an addon and waits for it; an abort ends it at the next opportunity.
 *
 * @param start starts the job with a callback for its report; returns its number, or the negative status of a job that was not started
 * @returns the report; for a job that was not started, only the status
 */
export function runJob<T extends Report>(
  addon: JobEntries,
  start: (done: (...report: T) => void) => number,
  signal: AbortSignal | undefined,
): Promise<T | readonly [status: number]> {
  return new Promise((resolve) => {
    let job = 0;
    const cancel = () => addon.cancel(job);
    job = start((...report) => {
      signal?.removeEventListener('abort', cancel);
      resolve(report);
    });
    if (job < 0) resolve([job]);
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}
