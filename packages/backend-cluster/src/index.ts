export { CLUSTER_CHANNELS, type HedgeEvent, type ShardEvent, type ShardOutcome } from './channels.js';
export type { Clock } from './clock.js';
export type { ClusterBackend } from './cluster-backend.js';
export { CLUSTER_DEFAULTS, createClusterBackend, type ClusterBackendOptions } from './create-cluster-backend.js';
export type { Announcement } from './messages/announcement.js';
export type { ShardSpec } from './messages/shard-spec.js';
export type { PlacedFile, PlacedMatrices } from './placed/placed-matrices.js';
export type { PlacedAnswer, PlacedError, PlacedRanking } from './placed/rank-placed.js';
export {
  InMemoryNetwork,
  type InMemoryNetworkOptions,
  type LinkOptions,
} from './transport/in-memory/in-memory-network.js';
export { ManualClock } from './transport/in-memory/manual-clock.js';
export { createNkey, type Nkey } from './security/create-nkey.js';
export { natsPermissions, type NatsPermissionsOptions, type WorkerParty } from './security/nats-permissions.js';
export { ConnectError, type ConnectProblem } from './transport/nats/connect-error.js';
export type { ConnectionOptions } from './transport/open-transport.js';
export { connectNats } from './transport/nats/connect-nats.js';
export type { NatsCredentials, NatsOptions, NatsTls } from './transport/nats/nats-options.js';
export {
  TransportError,
  type AskOptions,
  type ClusterTransport,
  type EndSignal,
  type IncomingMessage,
  type TransportErrorReason,
} from './transport/transport.js';
export type { ClusterWorker } from './worker/cluster-worker.js';
export { createClusterWorker, WORKER_DEFAULTS, type ClusterWorkerOptions } from './worker/create-cluster-worker.js';
