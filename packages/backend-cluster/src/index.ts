export {
  CLUSTER_CHANNELS,
  type AnswerEvent,
  type CopiesEvent,
  type HedgeEvent,
  type RepairEvent,
  type RepairOutcome,
  type ShardEvent,
  type ShardOutcome,
  type TraceEvent,
} from './channels.js';
export type { Clock } from './clock.js';
export type { ClusterBackend } from './cluster-backend.js';
export { CLUSTER_DEFAULTS, createClusterBackend, type ClusterBackendOptions } from './create-cluster-backend.js';
export type { Announcement } from './messages/announcement.js';
export type { ShardSpec } from './messages/shard-spec.js';
export type { ShardTotals } from './residency/copy-keeper.js';
export type { PlacedMatrices } from './placed/placed-matrices.js';
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
