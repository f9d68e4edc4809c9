import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { inspect } from 'node:util';
import { createAuthority, createPartyKey, startNatsServer } from '@gearshift/nats-server';
import { describe, expect, test } from 'vitest';
import { ConnectError } from '../../src/transport/nats/connect-error.js';
import { connectNats } from '../../src/transport/nats/connect-nats.js';
import type { NatsOptions } from '../../src/transport/nats/nats-options.js';
import { decode, encode, lacksServer, needs, settle } from './server.js';

async function connectError(options: Omit<NatsOptions, 'name'>): Promise<ConnectError> {
  const made = await connectNats({ name: 'test', ...options }).catch((error: unknown) => error);
  if (made instanceof ConnectError) return made;
  throw new Error(`expected a ConnectError, got ${inspect(made)}`);
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe.skipIf(lacksServer)(`a connection to NATS${needs}`, () => {
  test('over TLS is made to the name or the address that the certificate is for', async () => {
    await using authority = await createAuthority();
    const files = authority.certify('DNS:localhost', 'IP:127.0.0.1');
    await using server = await startNatsServer({ tls: files });
    for (const host of ['localhost', '127.0.0.1']) {
      const transport = await connectNats({
        servers: `${host}:${server.port}`,
        name: 'test',
        tls: { caFile: authority.caFile },
      });
      transport.watch('jobs', {}, ({ respond }) => respond(encode('done')));
      await settle(transport);
      expect(decode(await transport.ask('jobs', encode('?'), { timeoutMs: 10_000 }))).toBe('done');
      await transport.close();
    }
  });

  test('is refused for another name and for an address that the certificate does not name', async () => {
    await using authority = await createAuthority();
    const tls = { caFile: authority.caFile };
    await using other = await startNatsServer({ tls: authority.certify('DNS:nats.example.org') });
    for (const host of ['localhost', '127.0.0.1']) {
      const error = await connectError({ servers: `${host}:${other.port}`, tls });
      expect(error).toMatchObject({ problem: 'certificate-name', reason: 'denied' });
      expect(error.message).toContain(`${host}:${other.port}: the certificate of the server is for another name`);
    }
    // The client would compare an address with the name localhost.
    await using named = await startNatsServer({ tls: authority.certify('DNS:localhost') });
    expect(await connectError({ servers: `127.0.0.1:${named.port}`, tls })).toMatchObject({
      problem: 'certificate-name',
    });
    await using addressed = await startNatsServer({ tls: authority.certify('IP:127.0.0.1') });
    expect(await connectError({ servers: `localhost:${addressed.port}`, tls })).toMatchObject({
      problem: 'certificate-name',
    });
  });

  test('is refused when another authority signed the certificate', async () => {
    await using authority = await createAuthority();
    await using another = await createAuthority();
    await using server = await startNatsServer({ tls: authority.certify('DNS:localhost') });
    const error = await connectError({ servers: server.url, tls: { caFile: another.caFile } });
    expect(error).toMatchObject({ problem: 'certificate', reason: 'denied' });
    expect(error.message).toContain('tls.caFile must hold the authority that signed it');
  });

  test('is refused in plain text where TLS was asked for, and the other way round', async () => {
    await using authority = await createAuthority();
    await using plain = await startNatsServer();
    const refused = await connectError({ servers: plain.url, tls: { caFile: authority.caFile } });
    expect(refused).toMatchObject({ problem: 'plain-text', reason: 'denied' });
    await using secure = await startNatsServer({ tls: authority.certify('DNS:localhost') });
    const required = await connectError({ servers: secure.url, tls: false });
    expect(required).toMatchObject({ problem: 'tls-required', reason: 'denied' });
    expect(required.message).toContain('pass tls: { caFile }');
  });

  test('shows a certificate of its own to a server that verifies it', async () => {
    await using authority = await createAuthority();
    const { caFile, certFile, keyFile } = authority.certify('DNS:localhost');
    const config = `tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${caFile}", verify: true }`;
    await using server = await startNatsServer({ config });
    const mine = authority.certify('DNS:worker');
    const transport = await connectNats({ servers: server.url, name: 'test', tls: mine });
    expect(transport.connected).toBe(true);
    await transport.close();
    const without = await connectError({ servers: server.url, tls: { caFile } });
    expect(without).toMatchObject({ problem: 'certificate-required', reason: 'denied' });
    await using another = await createAuthority();
    const { certFile: foreign, keyFile: foreignKey } = another.certify('DNS:worker');
    const tls = { caFile, certFile: foreign, keyFile: foreignKey };
    const refused = await connectError({ servers: server.url, tls });
    expect(refused).toMatchObject({ problem: 'timeout', reason: 'timeout' });
    expect(refused.message).toContain('a server that does not accept the certificate in tls.certFile says nothing');
  });

  test('is made with the right nkey alone, and no message contains the seed', async () => {
    const [known, unknown] = [createPartyKey(), createPartyKey()];
    const config = `authorization { users: [ { nkey: ${known.publicKey} } ] }`;
    await using server = await startNatsServer({ config });
    const transport = await connectNats({
      servers: server.url,
      name: 'test',
      tls: false,
      credentials: { nkeySeed: known.seed },
    });
    expect(inspect(transport, { depth: 2, showHidden: false })).not.toContain(known.seed);
    await transport.close();
    for (const credentials of [{ nkeySeed: unknown.seed }, undefined]) {
      const error = await connectError({ servers: server.url, tls: false, credentials });
      expect(error).toMatchObject({ problem: 'authorization', reason: 'denied' });
      expect(error.message).toContain('the server refused the nkey (authorization)');
      expect(inspect(error, { depth: 10 })).not.toContain(unknown.seed);
    }
  });

  test('is made to another server when the first one does not answer', async () => {
    await using server = await startNatsServer();
    await using silent = await startNatsServer();
    silent.suspend();
    const servers = [`localhost:${silent.port}`, 'localhost:1', `localhost:${server.port}`];
    const startedAtMs = performance.now();
    const transport = await connectNats({ servers, name: 'test', tls: false });
    expect(transport.connected).toBe(true);
    expect(performance.now() - startedAtMs).toBeLessThan(4000);
    await transport.close();
  });
});

describe('a connection that cannot be made', () => {
  test('says that the connection was refused, for each server', async () => {
    const error = await connectError({ servers: ['localhost:1', '127.0.0.1:2'], tls: false });
    expect(error).toMatchObject({ problem: 'refused', reason: 'disconnected', name: 'TransportError' });
    expect(error.message).toBe(
      'no connection to NATS: localhost:1: the connection was refused; is nats-server running there?; ' +
        '127.0.0.1:2: the connection was refused; is nats-server running there?',
    );
  });

  test('says that a name cannot be resolved', async () => {
    await using authority = await createAuthorityOrNothing();
    const error = await connectError({ servers: 'nats.invalid', tls: { caFile: authority.caFile } });
    expect(error).toMatchObject({ problem: 'dns' });
    expect(error.message).toContain('nats.invalid:4222: the name cannot be resolved');
  });

  test('says that another service answers, or none in time', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const silent = createServer(() => undefined);
    try {
      const other = await connectError({ servers: `127.0.0.1:${await listen(web)}`, tls: false });
      expect(other).toMatchObject({ problem: 'other' });
      expect(other.message).toContain('(there is another service than NATS)');
      const none = await connectError({ servers: `127.0.0.1:${await listen(silent)}`, tls: false });
      expect(none).toMatchObject({ problem: 'timeout', reason: 'timeout' });
    } finally {
      web.close();
      silent.close();
    }
  });
});

/** Any file does: the connection fails before it is read. */
async function createAuthorityOrNothing(): Promise<{ caFile: string } & AsyncDisposable> {
  return { caFile: new URL(import.meta.url).pathname, [Symbol.asyncDispose]: () => Promise.resolve() };
}
