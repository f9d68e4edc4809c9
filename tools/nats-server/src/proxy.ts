import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

export interface LinkState {
  /** How much later each part of the stream arrives, in each direction. */
  readonly delayMs: number;
  /** Which direction carries nothing while both ends believe that they are connected. What was swallowed never arrives. */
  readonly swallows: 'nothing' | 'to-server' | 'to-client' | 'everything';
}

export type StalledSide = 'nothing' | 'clients' | 'server' | 'both';

/** A link to a server that can be made worse. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly connectionCount: number;
  set(state: Partial<LinkState>): void;
  /** Stops reading from clients, from the server, or from both, so that what they send piles up there; `nothing` goes on. */
  stall(side: StalledSide): void;
  /** Breaks all connections. New ones are accepted. */
  cut(): void;
}

/** Starts a TCP proxy on a free port of 127.0.0.1. */
export async function startProxy(serverPort: number): Promise<Proxy> {
  let state: LinkState = { delayMs: 0, swallows: 'nothing' };
  let stalled: StalledSide = 'nothing';
  const pairs = new Set<readonly [Socket, Socket]>();
  const listener = createServer((client) => {
    const server = createConnection(serverPort, '127.0.0.1');
    const pair = [client, server] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    forward(client, server, 'to-server');
    forward(server, client, 'to-client');
    holdBack(pair);
  });
  const forward = (source: Socket, target: Socket, direction: 'to-server' | 'to-client'): void => {
    const isSwallowed = () => state.swallows === direction || state.swallows === 'everything';
    // Under way, in their order: a part must not pass another one when the delay is made shorter.
    const parts: Buffer[] = [];
    let lastDueMs = 0;
    const write = (part: Buffer): void => {
      if (!isSwallowed() && !target.destroyed) target.write(part);
    };
    source.on('data', (part: Buffer) => {
      if (isSwallowed()) return;
      if (state.delayMs === 0 && parts.length === 0) {
        write(part);
        return;
      }
      parts.push(part);
      const nowMs = performance.now();
      lastDueMs = Math.max(lastDueMs, nowMs + state.delayMs);
      setTimeout(() => {
        const next = parts.shift();
        if (next !== undefined) write(next);
      }, lastDueMs - nowMs);
    });
  };
  const holdBack = ([client, server]: readonly [Socket, Socket]): void => {
    if (stalled === 'clients' || stalled === 'both') client.pause();
    else client.resume();
    if (stalled === 'server' || stalled === 'both') server.pause();
    else server.resume();
  };
  const cut = (): void => {
    for (const sockets of pairs) {
      for (const socket of sockets) socket.destroy();
    }
    pairs.clear();
  };
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return {
    port,
    url: `nats://localhost:${port}`,
    get connectionCount() {
      return pairs.size;
    },
    set: (changed) => (state = { ...state, ...changed }),
    stall(side) {
      stalled = side;
      for (const pair of pairs) holdBack(pair);
    },
    cut,
    async [Symbol.asyncDispose]() {
      const closed = once(listener, 'close');
      listener.close();
      cut();
      await closed;
    },
  };
}
