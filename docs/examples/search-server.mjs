// A search server: it answers POST /search with the best rows for a vector, cancels the request of a client that disconnects, limits the
// time of each, and on SIGTERM or SIGINT ends after the requests under way.
//
// Run it with `node search-server.mjs`, where `gearshift` is installed, then
//   curl -d '{"vector":[1,0,0],"k":2}' http://127.0.0.1:PORT/search
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { createExecutor, DeadlineExceededError } from 'gearshift';

const DEADLINE_MS = 2000;
const LARGEST_K = 100;

const executor = await createExecutor(); // one for the whole process
const names = ['first', 'second', 'third'];
const matrix = await executor.matrix(
  [
    [1, 0, 0],
    [0.8, 0.6, 0],
    [0, 0, 1],
  ],
  { dimensions: 3 },
);

async function search(body, signal) {
  const { vector, k } = JSON.parse(body);
  // topK checks lengths and numbers. A limit on k is up to the server.
  const { indices, scores } = await executor.topK(vector, matrix, {
    k: Math.min(k, LARGEST_K),
    signal,
    deadlineMs: DEADLINE_MS,
  });
  return Array.from(indices, (row, rank) => ({ name: names[row], score: scores[rank] }));
}

const server = createServer(async (request, response) => {
  const reply = (status, value) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  if (request.method !== 'POST' || request.url !== '/search') return reply(404, { error: 'POST /search' });
  const gone = new AbortController();
  response.on('close', () => gone.abort()); // no effect after the answer
  try {
    reply(200, await search(await text(request), gone.signal));
  } catch (error) {
    if (gone.signal.aborted) return; // the client does not wait for an answer
    if (error instanceof DeadlineExceededError) return reply(503, { error: error.message });
    const isMistake = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
    reply(isMistake ? 400 : 500, { error: isMistake ? error.message : 'the search failed' });
  }
});

async function stop() {
  await new Promise((resolve) => server.close(resolve));
  await matrix[Symbol.asyncDispose]();
  await executor.close();
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`port ${server.address().port}`));
