import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority that exists for one test. */
export interface TestAuthority extends AsyncDisposable {
  readonly caFile: string;
  /** Makes a certificate for these names, as `DNS:localhost` or `IP:127.0.0.1`. */
  certify(...names: readonly string[]): TlsFiles;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes a certificate authority in a folder of its own, which goes with it. */
export async function createAuthority(): Promise<TestAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'gearshift-tls-'));
  const caFile = join(folder, 'ca.crt');
  const caKey = join(folder, 'ca.key');
  openssl('req', '-x509', ...CURVE, '-keyout', caKey, '-out', caFile, '-subj', '/CN=test authority', '-days', '2');
  let count = 0;
  return {
    caFile,
    certify(...names) {
      const base = join(folder, `server-${count++}`);
      const [request, certFile, keyFile] = [`${base}.csr`, `${base}.crt`, `${base}.key`];
      const alternatives = `subjectAltName=${names.join(',')}`;
      openssl('req', ...CURVE, '-keyout', keyFile, '-out', request, '-subj', '/CN=nats', '-addext', alternatives);
      const issuer = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial'];
      openssl('x509', '-req', '-in', request, ...issuer, '-out', certFile, '-days', '2', '-copy_extensions', 'copy');
      return { caFile, certFile, keyFile };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function openssl(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''} failed: ${error?.message ?? stderr}`);
}
