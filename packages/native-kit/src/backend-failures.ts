import { err, type BackendError, type BackendErrorKind } from '@gearshift/contracts';

export type Failure = { readonly ok: false; readonly error: BackendError };

/** Creates the errors of one backend. */
export class BackendFailures {
  readonly #backend: string;

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
}
