// Embeds texts through an HTTP API that limits the rate of requests and fails now and then: several requests at the same
// time, retries that wait as long as the API asks for, progress, and a state file from which a second process continues
// after a crash. No text that was finished is sent again.
//
// Run it with `node embed-through-an-api.mjs`, where `@gearshift/splitter` is installed. It starts a small API of its own on
// 127.0.0.1, and itself twice as a client: the first one is killed half-way, the second one finishes the work.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { processInChunks, resume } from '@gearshift/splitter';

const texts = Array.from({ length: 40 }, (_, index) => `text ${index}`);

/** The client. `crashAt` kills it when so many texts are done. */
async function embedAll(apiUrl, stateFile, crashAt) {
  /** What the splitter calls for a chunk: the results, or an error that it knows how to treat. */
  async function embed(chunk, signal) {
    const response = await fetch(apiUrl, { method: 'POST', body: JSON.stringify(chunk), signal });
    if (response.ok) return { ok: true, value: (await response.json()).map((vector) => Float32Array.from(vector)) };
    // By the status it decides whether to retry, and by the header `retry-after` when.
    const headers = Object.fromEntries(response.headers);
    return { ok: false, error: { status: response.status, headers, message: await response.text() } };
  }

  const options = {
    name: 'embed',
    maxChunkItems: 4, // texts in one request
    concurrency: 3, // requests at the same time
    chunkTimeoutMs: 10_000,
    retry: { attempts: 8, delayMs: 100 },
    onProgress({ doneItems, totalItems, partial }) {
      save(stateFile, partial());
      console.log(`${doneItems} of ${totalItems} texts`);
      if (doneItems === crashAt) process.kill(process.pid, 'SIGKILL');
    },
  };

  const result = existsSync(stateFile)
    ? await resume(JSON.parse(readFileSync(stateFile, 'utf8')), texts, options, embed)
    : await processInChunks(texts, options, embed);
  if (result.ok) console.log(`done, the last vector is [${result.value.at(-1)}]`);
  else {
    save(stateFile, result.error.partial);
    console.log(`${result.error.kind}: ${result.error.message}`);
  }
}

/** Replaces the file at once, so that a crash leaves the old state or the new one. The vectors come back bit for bit. */
function save(stateFile, partial) {
  writeFileSync(`${stateFile}.new`, JSON.stringify(partial));
  renameSync(`${stateFile}.new`, stateFile);
}

/** The API: four requests, then none for a second; and an internal error now and then. Keeps count of what it answers. */
function createApi() {
  const counts = { 200: 0, 429: 0, 500: 0 };
  const embedded = { '/first': [], '/second': [] };
  let requestsLeft = 4;
  let closedUntil = 0;

  function answer(url, body) {
    const now = performance.now();
    if (requestsLeft === 0 && closedUntil === 0) closedUntil = now + 1000;
    if (now < closedUntil) return { status: 429, headers: { 'retry-after': '1' }, content: 'too many requests' };
    if (requestsLeft === 0) [requestsLeft, closedUntil] = [4, 0];
    requestsLeft -= 1;
    if ((counts[200] + counts[500]) % 5 === 2) return { status: 500, headers: {}, content: 'internal error' };
    const chunk = JSON.parse(body);
    embedded[url].push(...chunk);
    const vectors = chunk.map((text) => [text.length, Number(text.slice(5))]);
    return { status: 200, headers: { 'content-type': 'application/json' }, content: JSON.stringify(vectors) };
  }

  const server = createServer(async (request, response) => {
    const body = await readText(request).catch(() => null);
    if (body === null) return; // the client was killed while it sent
    const { status, headers, content } = answer(request.url, body);
    counts[status] += 1;
    response.writeHead(status, headers).end(content);
  });
  return { server, counts, embedded };
}

async function main() {
  const { server, counts, embedded } = createApi();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'embed-'));
  const stateFile = join(folder, 'state.json');
  const runClient = (name, ...args) => {
    const apiUrl = `http://127.0.0.1:${server.address().port}/${name}`;
    const program = [fileURLToPath(import.meta.url), 'client', apiUrl, stateFile, ...args];
    return once(spawn(process.execPath, program, { stdio: 'inherit' }), 'exit');
  };

  const [, signal] = await runClient('first', '16');
  const { done, output } = JSON.parse(readFileSync(stateFile, 'utf8'));
  console.log(`the first client ended with ${signal}, the state file has ${output.filter(Boolean).length} vectors`);

  await runClient('second');
  const sent = embedded['/second'];
  const isDone = (text) => done.some(({ start, end }) => texts.slice(start, end).includes(text));
  console.log(`the second client embedded ${sent.length} texts, ${sent.filter(isDone).length} of them again`);
  console.log(`answers: 200: ${counts[200]}, 429: ${counts[429]}, 500: ${counts[500]}`);
  server.close();
  rmSync(folder, { recursive: true });
}

const [, , role, apiUrl, stateFile, crashAt] = process.argv;
if (role === 'client') await embedAll(apiUrl, stateFile, Number(crashAt));
else await main();
