// The splitter alone, on a function of your own: a batch of texts goes to an embedding service in pieces, the service
// fails half-way, and the batch is resumed. What had finished is kept, and not paid for twice.
//
// Run it with `node resume-a-failed-batch.mjs`, where `@gearshift/splitter` is installed.
import { processInChunks, resume } from '@gearshift/splitter';

const texts = Array.from({ length: 10 }, (_, index) => `text ${index}`);

/** Stands for a service that you call over the network: its third call fails. */
let calls = 0;
async function embed(batch) {
  calls += 1;
  console.log(`call ${calls}: ${batch[0]} to ${batch.at(-1)}`);
  await new Promise((resolve) => setTimeout(resolve, 1));
  if (calls === 3) throw Object.assign(new Error('connection reset'), { code: 'ECONNRESET' });
  return batch.map((text) => [text.length, Number(text.slice(5))]);
}

/** What the splitter calls: results, or an error as plain data. What it throws is caught as well. */
const embedChunk = async (batch) => ({ ok: true, value: await embed(batch) });

const options = { name: 'embed', maxChunkItems: 3, chunkTimeoutMs: 5000 };
const first = await processInChunks(texts, options, embedChunk);

if (!first.ok) {
  const { kind, message, cause, partial } = first.error;
  console.log(`${kind}: ${message} (${cause.code})`);
  console.log('done:', JSON.stringify(partial.done), 'remaining:', JSON.stringify(partial.remaining));

  // `partial` is plain data: it may be stored, or posted to a worker thread, and resumed there.
  const second = await resume(structuredClone(partial), texts, options, embedChunk);
  console.log(
    second.ok ? `all ${second.value.length} vectors, the last is ${second.value.at(-1)}` : second.error.message,
  );
}
