import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect as connectTls } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import {
  createAuthority,
  createPartyKey,
  findNatsServer,
  startNatsCluster,
  startNatsServer,
  startProxy,
  type Proxy,
} from '../src/index.js';

const found = findNatsServer();
const needs = found.lacks === null ? '' : ` (needs ${found.lacks})`;

const PATIENCE_MS = 30_000;

/**
 * What a client reads first, and after a PING.
 *
 * @param silentMs no answer comes so long after the first line; undefined where one comes
 */
async function ping(port: number, firstWithinMs = PATIENCE_MS, silentMs?: number): Promise<string> {
  const socket = createConnection(port, '127.0.0.1').setEncoding('utf8');
  let text = '';
  const answer = new Promise<string>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.on('data', (more: string) => {
      if (text === '') {
        socket.write('CONNECT {"verbose":false}\r\nPING\r\n');
        if (silentMs !== undefined) setTimeout(() => socket.destroy(), silentMs);
      }
      text += more;
      if (text.endsWith('PONG\r\n')) resolve(text);
    });
  });
  const timer = setTimeout(() => socket.destroy(), firstWithinMs);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function isAlive(pid: number): boolean {
  // A process that has ended and is not yet collected has no command line.
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
}

// Of this file alone: other tests run at the same time.
const temporary = mkdtempSync(join(tmpdir(), 'gearshift-test-'));
process.env['TMPDIR'] = temporary;
afterAll(() => rmSync(temporary, { recursive: true }));

const filesLeft = () => readdirSync(temporary);

describe.skipIf(found.lacks !== null)(`a NATS server for tests${needs}`, () => {
  test('takes connections once it has started, and leaves no process and no file when it is disposed of', async () => {
    const server = await startNatsServer();
    const { pid } = server;
    expect(await ping(server.port)).toMatch(/^INFO \{.*\} ?\r\nPONG\r\n$/);
    expect(isAlive(pid)).toBe(true);
    expect(filesLeft()).toHaveLength(1);
    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    expect(isAlive(pid)).toBe(false);
    expect(filesLeft()).toEqual([]);
  });

  test('restarts on its port after it was stopped or killed, also with another configuration', async () => {
    await using server = await startNatsServer();
    const { port, pid } = server;
    await server.stop();
    expect(server.isRunning).toBe(false);
    await expect(ping(port)).rejects.toThrow('ECONNREFUSED');
    await server.restart('max_payload: 2048');
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await ping(port)).toContain('"max_payload":2048');
    await server.kill();
    await expect(ping(port)).rejects.toThrow('ECONNREFUSED');
  });

  test('answers nothing while it is suspended, and goes on when it is resumed', async () => {
    await using server = await startNatsServer();
    server.suspend();
    expect(await ping(server.port, 300)).toBe('');
    server.resume();
    expect(await ping(server.port)).toContain('PONG');
    server.suspend(); // Disposing of it ends it all the same.
  });

  test('reports a wrong configuration with the log of the server', async () => {
    await expect(startNatsServer({ config: 'no_such_setting: 1' })).rejects.toThrow(
      /nats-server ended:[^]*no_such_setting/,
    );
    expect(filesLeft()).toEqual([]);
  });

  test('does not outlive a process that is killed', async () => {
    const script = fileURLToPath(new URL('fixtures/start-and-wait.mjs', import.meta.url));
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    for (let tries = 0; isAlive(pid) && tries < 3000; tries++) await sleep(10);
    expect(isAlive(pid)).toBe(false);
  });

  test('starts three servers that name each other, of which one can be lost and come back', async () => {
    await using cluster = await startNatsCluster();
    const [first, second] = cluster.servers;
    if (first === undefined || second === undefined) throw new Error('no servers');
    await first.kill();
    expect(await ping(second.port)).toContain('PONG');
    await first.restart();
    expect(await ping(first.port)).toContain('PONG');
    expect(new Set(cluster.urls).size).toBe(3);
  });

  test('requires TLS with a certificate of its authority', async () => {
    await using authority = await createAuthority();
    await using server = await startNatsServer({ tls: authority.certify('DNS:localhost', 'IP:127.0.0.1') });
    expect(await ping(server.port)).toContain('"tls_required":true');
    const socket = createConnection(server.port, '127.0.0.1');
    await once(socket, 'data');
    const secure = connectTls({ socket, servername: 'localhost', ca: readFileSync(authority.caFile) });
    await once(secure, 'secureConnect');
    expect(secure.authorized).toBe(true);
    expect(secure.getPeerCertificate().subjectaltname).toBe('DNS:localhost, IP Address:127.0.0.1');
    secure.destroy();
  });
});

describe.skipIf(found.lacks !== null)(`a proxy${needs}`, () => {
  test('delays, swallows and cuts', async () => {
    await using server = await startNatsServer();
    await using proxy = await startProxy(server.port);
    expect(await ping(proxy.port)).toContain('PONG');
    proxy.set({ delayMs: 50 });
    const startedAtMs = performance.now();
    expect(await ping(proxy.port)).toContain('PONG');
    // INFO, PING and PONG.
    expect(performance.now() - startedAtMs).toBeGreaterThan(140);
    proxy.set({ delayMs: 0, swallows: 'to-server' });
    expect(await ping(proxy.port, PATIENCE_MS, 300)).toMatch(/^INFO [^\n]*\r\n$/);
    proxy.set({ swallows: 'to-client' });
    expect(await ping(proxy.port, 300)).toBe('');
    const cutOff = ping(proxy.port);
    while (proxy.connectionCount === 0) await sleep(5);
    proxy.cut();
    expect(await cutOff).toBe('');
    expect(proxy.connectionCount).toBe(0);
    proxy.set({ swallows: 'nothing' });
    expect(await ping(proxy.port)).toContain('PONG');
  });
});

describe('a proxy of any server', () => {
  /** A server that keeps what it gets, a proxy before it, and a connection through both. */
  async function connectThrough(): Promise<{ got: () => string; proxy: Proxy; client: Socket; end(): Promise<void> }> {
    let text = '';
    const server = createServer((socket) => socket.setEncoding('utf8').on('data', (part: string) => (text += part)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = await startProxy((server.address() as AddressInfo).port);
    const client = createConnection(proxy.port, '127.0.0.1');
    await once(client, 'connect');
    const end = async (): Promise<void> => {
      client.destroy();
      await proxy[Symbol.asyncDispose]();
      server.close();
    };
    return { got: () => text, proxy, client, end };
  }

  test('keeps the order of what was sent before its delay became shorter', async () => {
    const { got, proxy, client, end } = await connectThrough();
    for (const [part, delayMs] of [
      ['a', 200],
      ['b', 20],
      ['c', 0],
    ] as const) {
      proxy.set({ delayMs });
      client.write(part);
      await sleep(20);
    }
    await expect.poll(got, { timeout: PATIENCE_MS }).toBe('abc');
    client.write('d');
    await expect.poll(got, { timeout: PATIENCE_MS }).toBe('abcd');
    await end();
  });

  test('carries nothing while both sides are stalled, and everything afterwards', async () => {
    const { got, proxy, client, end } = await connectThrough();
    proxy.stall('both');
    client.write('later');
    await sleep(100);
    expect(got()).toBe('');
    proxy.stall('nothing');
    await expect.poll(got, { timeout: PATIENCE_MS }).toBe('later');
    await end();
  });
});

test('makes a new key for each party', () => {
  const [one, two] = [createPartyKey(), createPartyKey()];
  expect(one.seed).toMatch(/^SU[A-Z2-7]{56}$/);
  expect(one.publicKey).toMatch(/^U[A-Z2-7]{55}$/);
  expect(two.publicKey).not.toBe(one.publicKey);
});
