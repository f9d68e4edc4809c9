import { setTimeout as sleep } from 'node:timers/promises';
import { findNatsServer, startNatsServer, type NatsServer, type NatsServerOptions } from '@gearshift/nats-server';
import { connectNats } from '../../src/transport/nats/connect-nats.js';
import type { ClusterTransport } from '../../src/transport/transport.js';

const found = findNatsServer();
export const lacksServer = found.lacks !== null;
/** For the name of a group of tests. */
export const needs = found.lacks === null ? '' : ` (skipped: needs ${found.lacks})`;

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const decode = (data: Uint8Array): string => new TextDecoder().decode(data);

export interface Setting extends AsyncDisposable {
  readonly server: NatsServer;
  /** Another connection, in plain text, closed with the setting. */
  connect(url?: string): Promise<ClusterTransport>;
}

export async function startSetting(options?: NatsServerOptions): Promise<Setting> {
  const server = await startNatsServer(options);
  const transports: ClusterTransport[] = [];
  return {
    server,
    async connect(url = server.url) {
      const transport = await connectNats({ servers: url, name: 'test', tls: false });
      transports.push(transport);
      return transport;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(transports.map((transport) => transport.close()));
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Waits until a condition holds; what the server knows of subscriptions of others is a little behind. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 40_000): Promise<void> {
  const endsAtMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > endsAtMs) throw new Error(`the condition does not hold after ${withinMs} ms`);
    await sleep(5);
  }
}

/** Waits until subscriptions of this connection are known to the server. */
export async function settle(transport: ClusterTransport): Promise<void> {
  // The server handles the messages of a connection in their order.
  await transport.ask('nothing.is.here', encode(''), { timeoutMs: 10_000 }).catch(() => undefined);
}

/** The reason and the message of a failure, and how long it took. */
export async function failureOf(
  work: Promise<unknown>,
): Promise<{ reason: unknown; message: string; afterMs: number }> {
  const startedAtMs = performance.now();
  try {
    await work;
  } catch (error) {
    const { reason, message } = error as { reason?: unknown; message: string };
    return { reason, message, afterMs: performance.now() - startedAtMs };
  }
  throw new Error('expected a failure, got an answer');
}
