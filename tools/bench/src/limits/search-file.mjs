// node search-file.mjs limited|whole FILE QUERY_FILE FIRST_FLOAT DIMENSIONS QUERIES: maps the file, or reads it into memory, and prints the
// median time of a search in milliseconds, and what was found, as JSON.
import { createExecutor } from 'gearshift';
import { median } from '../interleave.mjs';
import { readFloats } from './read-rows.mjs';

const [how, file, queryFile, ...numbers] = process.argv.slice(2);
const [firstFloat, dimensions, count] = numbers.map(Number);
const queries = readFloats(queryFile, firstFloat, count * dimensions);
const executor = await createExecutor({ backends: ['cpu'], threads: 1 });
const opened = await executor.open(file, { companion: how === 'limited' ? 'codes' : 'none' });
const matrix = how === 'limited' ? opened : await executor.matrix(opened.values, { dimensions, companion: 'codes' });
const ask = (query) => executor.topK(queries.subarray(query * dimensions, (query + 1) * dimensions), matrix, { k: 10 });
// The first one makes the codes, if they are not there.
await ask(0);
const times = [];
const found = [];
for (let query = 0; query < count; query++) {
  const startedMs = performance.now();
  const { indices, scores } = await ask(query);
  times.push(performance.now() - startedMs);
  found.push([...indices, ...scores]);
}
await executor.close();
console.log(JSON.stringify({ medianMs: median(times), found }));
