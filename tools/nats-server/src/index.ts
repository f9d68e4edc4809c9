export { findNatsServer, type FoundServer, type MissingServer } from './find-server.js';
export { createPartyKey, type PartyKey } from './nkeys.js';
export { startProxy, type LinkState, type Proxy, type StalledSide } from './proxy.js';
export { startNatsCluster, type NatsCluster } from './start-nats-cluster.js';
export { startNatsServer, type NatsServer, type NatsServerOptions } from './start-nats-server.js';
export { createAuthority, type TestAuthority, type TlsFiles } from './tls-files.js';
