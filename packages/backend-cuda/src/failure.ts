import { err, type BackendError, type BackendErrorKind } from '@gearshift/contracts';
import { ADDON_STATUS, type CudaAddon } from './addon.js';

export type Failure = { readonly ok: false; readonly error: BackendError };

/** What the addon says of a status below 0. */
export interface StatusReport {
  readonly status: number;
  readonly nativeCode: number;
  readonly requestedBytes: number;
  readonly failedCall: string;
}

const KINDS: Readonly<Record<number, readonly [BackendErrorKind, string]>> = {
  [ADDON_STATUS.outOfMemory]: ['out-of-memory', 'the device has not enough memory'],
  [ADDON_STATUS.cancelled]: ['aborted', 'the request was aborted'],
  [ADDON_STATUS.fault]: ['fault', 'the driver failed'],
  [ADDON_STATUS.timeout]: ['timeout', 'the device did not finish its work: it counts as hung, and as lost'],
  [ADDON_STATUS.deviceLost]: ['device-lost', 'the device is lost for the life of this process'],
  [ADDON_STATUS.shapeConflict]: ['invalid-input', 'another operand with the same id and version is resident'],
  [ADDON_STATUS.invalidGraph]: ['invalid-input', 'the arrays of the graph changed after they were checked'],
  [ADDON_STATUS.noHostMemory]: ['out-of-memory', 'the host has not enough memory'],
  [ADDON_STATUS.invalidResult]: ['invalid-result', 'the device answered with what no input can give'],
  [ADDON_STATUS.noThread]: ['fault', 'the system gave the backend no thread to wait on'],
};

/** Makes the errors of one backend. */
export class Failures {
  readonly #backend: string;
  readonly #report = new Float64Array(5);

  constructor(backend: string) {
    this.#backend = backend;
  }

  of(kind: BackendErrorKind, message: string, details: Partial<BackendError> = {}): Failure {
    return err({ ...details, kind, message, backend: this.#backend });
  }

  aborted(): Failure {
    return this.of('aborted', 'the request was aborted');
  }

  closed(): Failure {
    return this.of('unsupported', 'the backend is closed');
  }

  /**
   * A status that an entry has just returned on this thread.
   *
   * @param readFreeBytes asked when memory was what was missing
   */
  ofStatus(addon: CudaAddon, status: number, readFreeBytes: () => number | null): Failure {
    // Before anything else is asked of the addon: it remembers the last call only.
    addon.readReport(this.#report);
    const [nativeCode, requestedBytes] = this.#report;
    return this.ofReport({ status, nativeCode, requestedBytes, failedCall: addon.failedCall() }, readFreeBytes);
  }

  /** @throws TypeError when memory of the caller went away after it was checked: the caller's mistake, like passing it so. */
  ofReport(
    { status, nativeCode, requestedBytes, failedCall }: StatusReport,
    readFreeBytes: () => number | null,
  ): Failure {
    if (status === ADDON_STATUS.inputGone) {
      throw new TypeError('request: an input array was detached or shrunk while the request was under way');
    }
    if (status === ADDON_STATUS.outputGone) {
      throw new TypeError('output: its buffer was detached or shrunk while the request was under way');
    }
    const [kind, meaning] = KINDS[status] ?? ['fault', `the addon answered with the unknown status ${status}`];
    const freeBytes = kind === 'out-of-memory' ? readFreeBytes() : null;
    const where = failedCall === '' ? '' : ` (${failedCall}${nativeCode > 0 ? `, CUDA error ${nativeCode}` : ''})`;
    return this.of(kind, meaning + where, {
      ...(nativeCode === 0 ? {} : { nativeCode }),
      ...(requestedBytes === 0 ? {} : { requestedBytes }),
      ...(freeBytes === null ? {} : { freeBytes }),
    });
  }
}
