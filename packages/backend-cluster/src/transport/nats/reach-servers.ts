import { createConnection } from 'node:net';
import { ConnectError, explain, problemOf, type ConnectProblem } from './connect-error.js';
import type { NatsTls, ServerAddress } from './nats-options.js';

/** A server tells its settings in the first line. A longer one is no NATS server. */
const LONGEST_INFO = 64 * 1024;

interface Failure {
  readonly server: ServerAddress;
  readonly problem: ConnectProblem;
  readonly detail: string | undefined;
}

/** How long to wait for the other servers after the first has answered. */
const OTHERS_MS = 250;

/**
 * Finds servers that answer, with a connection of its own to each. The client would say less about a server that fails, and leave a
 * socket open for ever to one that takes connections and says nothing, which keeps the process alive.
 *
 * @returns those that answered soon; at least one
 * @throws ConnectError with the problem of each server
 */
export async function reachServers(
  servers: readonly ServerAddress[],
  options: { readonly tls: NatsTls | false; readonly timeoutMs: number },
): Promise<readonly ServerAddress[]> {
  const reached: ServerAddress[] = [];
  const enough = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const failures = await Promise.all(
    servers.map(async (server) => {
      const failure = await findFailure(server, options, enough.signal);
      if (failure !== undefined) return failure;
      reached.push(server);
      timer ??= setTimeout(() => enough.abort(), OTHERS_MS);
      return undefined;
    }),
  );
  clearTimeout(timer);
  if (reached.length > 0) return reached;
  const known = failures.filter((failure) => failure !== undefined);
  const problem = known[0]?.problem ?? 'other';
  throw new ConnectError(problem, `no connection to NATS: ${known.map(describe).join('; ')}`);
}

function describe({ server, problem, detail }: Failure): string {
  return `${server.host}:${server.port}: ${explain(problem)}${detail === undefined ? '' : ` (${detail})`}`;
}

async function findFailure(
  server: ServerAddress,
  { tls, timeoutMs }: { readonly tls: NatsTls | false; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<Failure | undefined> {
  try {
    const problem = problemWith(await readInfo(server, timeoutMs, signal), tls);
    return problem === undefined ? undefined : { server, problem, detail: undefined };
  } catch (error) {
    const problem = problemOf(error);
    return { server, problem, detail: problem === 'other' ? String((error as Error).message) : undefined };
  }
}

function problemWith(info: Record<string, unknown>, tls: NatsTls | false): ConnectProblem | undefined {
  const { tls_required: isRequired, tls_available: isAvailable, tls_verify: verifies } = info;
  if (tls === false) return isRequired === true ? 'tls-required' : undefined;
  if (isRequired !== true && isAvailable !== true) return 'plain-text';
  return verifies === true && tls.certFile === undefined ? 'certificate-required' : undefined;
}

function readInfo(
  { host, port }: ServerAddress,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = createConnection(port, host).setEncoding('latin1');
    const giveUp = (): void => void socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
    const timer = setTimeout(giveUp, timeoutMs);
    signal.addEventListener('abort', giveUp);
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      reject(new Error('the server closed the connection'));
    });
    socket.on('data', (more: string) => {
      text += more;
      const end = text.indexOf('\r\n');
      if (end === -1 && text.length < LONGEST_INFO) return;
      try {
        if (!/^INFO /i.test(text) || end === -1) throw new SyntaxError('no INFO');
        resolve(JSON.parse(text.slice('INFO '.length, end)) as Record<string, unknown>);
      } catch (error) {
        reject(new Error('there is another service than NATS', { cause: error }));
      }
      socket.destroy();
    });
  });
}
