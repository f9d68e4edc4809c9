import { BackendFailures, meaningOfStatus, type Failure } from '@gearshift/native-kit';
import type { CudaAddon } from './addon.js';

/** The report of the addon with a status below 0. */
export interface StatusReport {
  readonly status: number;
  readonly nativeCode: number;
  readonly requestedBytes: number;
  readonly failedCall: string;
}

/** Creates the errors of one CUDA backend. */
export class CudaFailures extends BackendFailures {
  readonly #report = new Float64Array(5);

  /**
   * A status that an entry has just returned on this thread.
   *
   * @param readFreeBytes called when the failure is a lack of memory
   */
  ofStatus(addon: CudaAddon, status: number, readFreeBytes: () => number | null): Failure {
    // Before any other entry is called: the addon keeps the report of the last call only.
    addon.readReport(this.#report);
    const [nativeCode, requestedBytes] = this.#report;
    return this.ofReport({ status, nativeCode, requestedBytes, failedCall: addon.failedCall() }, readFreeBytes);
  }

  /** @throws TypeError when memory of the caller was detached after it was checked: a caller's mistake */
  ofReport(
    { status, nativeCode, requestedBytes, failedCall }: StatusReport,
    readFreeBytes: () => number | null,
  ): Failure {
    const [kind, meaning] = meaningOfStatus(status);
    const freeBytes = kind === 'out-of-memory' ? readFreeBytes() : null;
    const where = failedCall === '' ? '' : ` (${failedCall}${nativeCode > 0 ? `, CUDA error ${nativeCode}` : ''})`;
    return this.of(kind, meaning + where, {
      ...(nativeCode === 0 ? {} : { nativeCode }),
      ...(requestedBytes === 0 ? {} : { requestedBytes }),
      ...(freeBytes === null ? {} : { freeBytes }),
    });
  }
}
