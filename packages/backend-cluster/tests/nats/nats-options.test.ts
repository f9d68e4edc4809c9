import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPartyKey } from '@gearshift/nats-server';
import { afterAll, describe, expect, test } from 'vitest';
import { readNatsOptions } from '../../src/transport/nats/nats-options.js';

const folder = mkdtempSync(join(tmpdir(), 'gearshift-options-'));
afterAll(() => rmSync(folder, { recursive: true }));
const caFile = join(folder, 'ca.crt');
writeFileSync(caFile, '');
const { seed, publicKey } = createPartyKey();

const read = (changed: object) =>
  readNatsOptions({ servers: 'nats.internal', name: 'prod', tls: { caFile }, ...changed });

describe('the options of a connection', () => {
  test('name servers in several forms', () => {
    const { servers } = read({ servers: ['a', 'b:1', 'nats://c:80', 'tls://d:4222', '[::1]:5', 'nats://10.0.0.1'] });
    expect(servers).toEqual([
      { host: 'a', port: 4222 },
      { host: 'b', port: 1 },
      { host: 'c', port: 80 },
      { host: 'd', port: 4222 },
      { host: '::1', port: 5 },
      { host: '10.0.0.1', port: 4222 },
    ]);
    expect(read({ servers: 'a:7' }).servers).toEqual([{ host: 'a', port: 7 }]);
  });

  test.each([
    [{ servers: [] }, /^servers: expected at least one server/],
    [{ servers: undefined }, /^servers: expected 'host'/],
    [{ servers: ['a', 5] }, /^servers\[1\]: expected 'host'/],
    [{ servers: 'wss://a' }, /^servers: expected 'host'/],
    [{ servers: 'a b' }, /^servers: expected 'host'/],
    [{ servers: 'a:99999' }, /^servers: expected 'host'/],
    [{ servers: 'nats://a/path' }, /^servers: expected 'host'/],
    [{ name: 'a.b' }, /^name: expected 1 to 64 letters, digits, - or _, got 'a.b'/],
    [{ name: '' }, /^name: expected/],
    [{ name: 'x'.repeat(65) }, /^name: expected/],
    [{ name: 'a *' }, /^name: expected/],
    [{ tls: undefined }, /^tls: expected \{ caFile \}.*, got undefined/],
    [{ tls: null }, /^tls: expected \{ caFile \}/],
    [{ tls: true }, /^tls: expected \{ caFile \} or false, got true/],
    [{ tls: {} }, /^tls.caFile: expected the path of a file/],
    [{ tls: { caFile: join(folder, 'none') } }, /^tls.caFile: expected a file that can be read/],
    [{ tls: { caFile, certFile: caFile } }, /^tls: expected certFile and keyFile together/],
    [{ tls: { caFile, rejectUnauthorized: false } }, /rejectUnauthorized/],
    [{ tls: false }, /^tls: expected \{ caFile \} for nats.internal, got false; plain text is for this machine only/],
    [{ tls: false, servers: ['localhost', '10.0.0.1'] }, /^tls: expected \{ caFile \} for 10.0.0.1/],
    [{ credentials: {} }, /^credentials: expected either nkeySeed or nkeyFile/],
    [{ credentials: { nkeySeed: seed, nkeyFile: caFile } }, /^credentials: expected either/],
    [{ credentials: { nkeyFile: caFile } }, /^credentials.nkeyFile: expected in .*ca.crt the seed/],
    [{ credentials: { nkeyFile: folder } }, /EISDIR/],
    [{ inboxPrefix: 'a.*' }, /^inboxPrefix: expected words/],
    [{ inboxPrefix: 'a..b' }, /^inboxPrefix: expected words/],
    [{ retries: 1 }, /retries/],
  ])('that are wrong are named: %o', (changed, message) => {
    expect(() => read(changed)).toThrow(message);
  });

  test('allow plain text on this machine alone', () => {
    for (const server of ['localhost', '127.0.0.1:1', '127.9.9.9', '[::1]:5']) {
      expect(read({ tls: false, servers: server }).tls).toBe(false);
    }
    for (const server of ['localhost.example.org', '127.0.0.1.example.org', '0.0.0.0', '128.0.0.1', '[::2]']) {
      expect(() => read({ tls: false, servers: server })).toThrow(/^tls: expected/);
    }
  });

  test('take the seed from a string or from a file, and show it in no message', () => {
    const plain = join(folder, 'plain.nk');
    const decorated = join(folder, 'decorated.nk');
    writeFileSync(plain, `${seed}\n`);
    writeFileSync(decorated, `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`);
    for (const credentials of [{ nkeySeed: seed }, { nkeyFile: plain }, { nkeyFile: decorated }]) {
      expect(read({ credentials })).toMatchObject({ seed, publicKey });
    }
    const damaged = seed.slice(0, -1);
    writeFileSync(plain, damaged);
    for (const changed of [
      { credentials: { nkeySeed: damaged } },
      { credentials: { nkeyFile: plain } },
      { credentials: { nkeySeed: `${seed}A` } },
      // Its form is right, its checksum is not.
      { credentials: { nkeySeed: `${seed.slice(0, -4)}${seed.endsWith('AAAA') ? 'BBBB' : 'AAAA'}` } },
      { servers: `nats://${seed}@a` },
      { servers: `nats://user:${seed}@a` },
    ]) {
      let message = '';
      try {
        read(changed);
      } catch (error) {
        message = String(error);
      }
      expect(message).toMatch(/Error: (credentials|servers)/);
      expect(message).not.toContain(damaged.slice(0, 20));
    }
  });
});
