import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** The parts of the events of `@gearshift/backend-cluster` that are used here. That package need not be installed. */
export interface ClusterEvents {
  shard: {
    readonly backend: string;
    readonly operation: string;
    readonly shard: number;
    readonly outcome: string;
    readonly latencyMs: number;
    readonly kernelMs: number;
    readonly asked: number;
    readonly traceId: string;
  };
  hedge: { readonly operation: string };
  repair: { readonly kind: string; readonly cause: string; readonly outcome: string };
  copies: { readonly backend: string; readonly wanted: number; readonly held: number };
  trace: { traceId: string | undefined };
  answer: {
    readonly operation: string;
    readonly shard: number;
    readonly status: string;
    readonly latencyMs: number;
    readonly traceId: string;
  };
}

/** Listens to the events of a cluster; returns a function that unsubscribes. */
export function listenToCluster<Name extends keyof ClusterEvents>(
  name: Name,
  listener: (event: ClusterEvents[Name]) => void,
): () => void {
  const channel = `gearshift:${name}`;
  const listen = (event: unknown) => listener(event as ClusterEvents[Name]);
  subscribe(channel, listen);
  return () => unsubscribe(channel, listen);
}
