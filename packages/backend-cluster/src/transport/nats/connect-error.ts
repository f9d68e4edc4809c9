import { TransportError, type TransportErrorReason } from '../transport.js';

/** What a connection failed at. */
export type ConnectProblem =
  | 'dns'
  | 'refused'
  | 'timeout'
  | 'plain-text'
  | 'tls-required'
  | 'certificate'
  | 'certificate-name'
  | 'certificate-required'
  | 'authorization'
  | 'permissions'
  | 'other';

/** No connection could be made. The message says to which server, and how to fix it. */
export class ConnectError extends TransportError {
  readonly problem: ConnectProblem;

  constructor(problem: ConnectProblem, message: string, options?: ErrorOptions) {
    super(REASONS[problem], message);
    this.problem = problem;
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

const REASONS: Record<ConnectProblem, TransportErrorReason> = {
  dns: 'disconnected',
  refused: 'disconnected',
  timeout: 'timeout',
  'plain-text': 'denied',
  'tls-required': 'denied',
  certificate: 'denied',
  'certificate-name': 'denied',
  'certificate-required': 'denied',
  authorization: 'denied',
  permissions: 'denied',
  other: 'disconnected',
};

const BY_CODE: Record<string, ConnectProblem> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-name',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate',
  CERT_HAS_EXPIRED: 'certificate',
  CERT_NOT_YET_VALID: 'certificate',
  CERT_SIGNATURE_FAILURE: 'certificate',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'certificate',
};

const EXPLANATIONS: Record<ConnectProblem, string> = {
  dns: 'the name cannot be resolved',
  refused: 'the connection was refused; is nats-server running there?',
  timeout: 'no answer in time',
  'plain-text': 'the server offers no TLS; add tls { ... } to its configuration',
  'tls-required': 'the server requires TLS, and tls is false; pass tls: { caFile }',
  certificate: 'the certificate of the server is not valid here; tls.caFile must hold the authority that signed it',
  'certificate-name': 'the certificate of the server is for another name; add this one to its subjectAltName',
  'certificate-required': 'the server requires a certificate of its clients; pass tls.certFile and tls.keyFile',
  authorization: 'the server refused the nkey (authorization); is its public key in the configuration?',
  permissions: 'its permissions do not fit its role; gearshift cluster permissions writes them',
  other: 'the connection failed',
};

export function explain(problem: ConnectProblem): string {
  return EXPLANATIONS[problem];
}

/** The kind of an error of a socket or of the client, by the codes of it and of its causes. */
export function problemOf(error: unknown): ConnectProblem {
  for (let current = error; typeof current === 'object' && current !== null;) {
    const { code, name, cause } = current as { code?: unknown; name?: unknown; cause?: unknown };
    const problem = typeof code === 'string' ? BY_CODE[code] : undefined;
    if (problem !== undefined) return problem;
    if (name === 'AuthorizationError' || name === 'UserAuthenticationExpiredError') return 'authorization';
    if (name === 'TimeoutError') return 'timeout';
    current = cause;
  }
  return 'other';
}
