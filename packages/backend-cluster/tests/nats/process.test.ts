import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startNatsServer, type NatsServer } from '@gearshift/nats-server';
import { describe, expect, test } from 'vitest';
import { lacksServer, needs } from './server.js';

const SCRIPT = fileURLToPath(new URL('../fixtures/closed-transport.mjs', import.meta.url));
const EXITS_WITHIN_MS = 5000;

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

function run(scenario: string, server: NatsServer, whenConnected: () => void = () => undefined): Promise<Exit> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, scenario, server.url], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    let timer: NodeJS.Timeout | undefined;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (text.includes('connected')) whenConnected();
      if (!stdout.includes('done')) return;
      timer = setTimeout(() => child.kill('SIGKILL'), EXITS_WITHIN_MS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stderr });
    });
  });
}

const ENDED = { code: 0, signal: null, stderr: '' };

describe.skipIf(lacksServer)(`a process with a closed connection to NATS alone${needs}`, () => {
  test.each(['idle', 'asking', 'drained', 'refused'])('ends: %s', async (scenario) => {
    await using server = await startNatsServer();
    expect(await run(scenario, server)).toMatchObject(ENDED);
  });

  test.each(['reconnecting', 'drainedOffline'])('ends after the server was lost: %s', async (scenario) => {
    await using server = await startNatsServer();
    expect(await run(scenario, server, () => void server.kill())).toMatchObject(ENDED);
  });

  test('ends while an attempt to connect to a silent server is under way', async () => {
    await using server = await startNatsServer();
    expect(await run('silent', server, () => server.suspend())).toMatchObject(ENDED);
  });

  test('ends when no connection to a silent server was made', async () => {
    await using server = await startNatsServer();
    server.suspend();
    expect(await run('unreachable', server)).toMatchObject(ENDED);
  });
});
