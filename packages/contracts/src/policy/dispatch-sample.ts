import type { AttemptReport } from '../attempt.js';
import type { Work } from './work.js';

/** The outcome of one attempt. */
export interface DispatchSample {
  /** The work of the rows that this attempt covered. */
  readonly work: Work;
  readonly attempt: AttemptReport;
  /** The form of the operand that the device said it would answer from: see `Backend.formOf`. */
  readonly form?: string | undefined;
  /** Bytes uploaded during the attempt. */
  readonly uploadedBytes: number;
  /** Other attempts were under way on the device when this one began, so its latency includes the wait for them. */
  readonly queued: boolean;
  /** The dispatcher's monotonic clock. */
  readonly nowMs: number;
}

/** An operand was uploaded to stay on a device. */
export interface UploadSample {
  readonly deviceId: string;
  readonly operandId: number;
  readonly bytes: number;
  readonly latencyMs: number;
  readonly nowMs: number;
}
