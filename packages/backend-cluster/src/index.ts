export { createNkey, type Nkey } from './security/create-nkey.js';
export { natsPermissions, type NatsPermissionsOptions, type WorkerParty } from './security/nats-permissions.js';
export { ConnectError, type ConnectProblem } from './transport/nats/connect-error.js';
export { connectNats } from './transport/nats/connect-nats.js';
export type { NatsCredentials, NatsOptions, NatsTls } from './transport/nats/nats-options.js';
export {
  TransportError,
  type AskOptions,
  type ClusterTransport,
  type IncomingMessage,
  type TransportErrorReason,
} from './transport/transport.js';
