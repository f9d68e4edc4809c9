import type { CudaAddon, JobDone } from './addon.js';
import type { StatusReport } from './failure.js';

export interface JobReport extends StatusReport {
  readonly queueMs: number;
  readonly uploadMs: number;
  readonly kernelMs: number;
  readonly downloadMs: number;
}

/** Starts a request on the threads of the addon and waits for it; an abort ends it at the next opportunity. */
export function runJob(
  addon: CudaAddon,
  start: (done: JobDone) => number,
  signal: AbortSignal | undefined,
): Promise<JobReport> {
  return new Promise((resolve) => {
    let job = 0;
    const cancel = () => addon.cancel(job);
    job = start((status, queueMs, uploadMs, kernelMs, downloadMs, nativeCode, requestedBytes, failedCall) => {
      signal?.removeEventListener('abort', cancel);
      resolve({ status, queueMs, uploadMs, kernelMs, downloadMs, nativeCode, requestedBytes, failedCall });
    });
    if (job < 0) resolve({ ...NOTHING_DONE, status: job });
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}

const NOTHING_DONE = {
  queueMs: 0,
  uploadMs: 0,
  kernelMs: 0,
  downloadMs: 0,
  nativeCode: 0,
  requestedBytes: 0,
  failedCall: '',
} as const;
