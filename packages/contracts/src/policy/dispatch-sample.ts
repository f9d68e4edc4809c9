import type { AttemptReport } from '../attempt.js';
import type { Work } from './work.js';

/** What came of one attempt. */
export interface DispatchSample {
  /** Of the rows that this attempt covered. */
  readonly work: Work;
  readonly attempt: AttemptReport;
  /** Bytes that were sent during the attempt. */
  readonly uploadedBytes: number;
  /** Other attempts were under way on the device when this one began: its latency holds waiting for them. */
  readonly queued: boolean;
  /** The dispatcher's monotonic clock. */
  readonly nowMs: number;
}

/** An operand was sent to a device to stay there. */
export interface UploadSample {
  readonly deviceId: string;
  readonly operandId: number;
  readonly bytes: number;
  readonly latencyMs: number;
  readonly nowMs: number;
}
