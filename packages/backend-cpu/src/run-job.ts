import type { CpuAddon, JobDone } from './addon.js';

export interface JobOutcome {
  /** 0, or a negative status of the addon. */
  readonly status: number;
  readonly queueMs: number;
  readonly runMs: number;
}

/** Starts a job on the threads of the addon and waits for it; an abort ends it at its next chunk. */
export function runJob(
  addon: CpuAddon,
  start: (done: JobDone) => number,
  signal: AbortSignal | undefined,
): Promise<JobOutcome> {
  return new Promise((resolve) => {
    let job = 0;
    const cancel = () => addon.cancel(job);
    job = start((status, queueMs, runMs) => {
      signal?.removeEventListener('abort', cancel);
      resolve({ status, queueMs, runMs });
    });
    if (job < 0) resolve({ status: job, queueMs: 0, runMs: 0 });
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}
