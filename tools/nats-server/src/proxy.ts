import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

export interface LinkState {
  /** How much later each part of the stream arrives, in each direction. */
  readonly delayMs: number;
  /** Which direction carries nothing while both ends believe that they are connected. What was swallowed never arrives. */
  readonly swallows: 'nothing' | 'to-server' | 'to-client' | 'everything';
}

/** A link to a server that can be made worse. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly connectionCount: number;
  set(state: Partial<LinkState>): void;
  /** Stops reading what clients send, so that it piles up at them, or goes on. */
  stall(stalled: boolean): void;
  /** Breaks all connections. New ones are accepted. */
  cut(): void;
}

/** Starts a TCP proxy on a free port of 127.0.0.1. */
export async function startProxy(serverPort: number): Promise<Proxy> {
  let state: LinkState = { delayMs: 0, swallows: 'nothing' };
  let isStalled = false;
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
    client.on('data', (part) => forward(part, server, 'to-server'));
    server.on('data', (part) => forward(part, client, 'to-client'));
    if (isStalled) client.pause();
  });
  const forward = (part: Buffer, target: Socket, direction: 'to-server' | 'to-client'): void => {
    const isSwallowed = () => state.swallows === direction || state.swallows === 'everything';
    const write = (): void => {
      if (!isSwallowed() && !target.destroyed) target.write(part);
    };
    if (isSwallowed()) return;
    if (state.delayMs > 0) setTimeout(write, state.delayMs);
    else write();
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
    stall(stalled) {
      isStalled = stalled;
      for (const [client] of pairs) {
        if (stalled) client.pause();
        else client.resume();
      }
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
