// node open-child.mjs FILE
//
// Opens a file and answers one request, then prints the time of opening and waits for the end of its input; the memory is read
// from outside.
import { createExecutor } from 'gearshift';

const executor = await createExecutor({ backends: ['cpu'] });
const startedNs = process.hrtime.bigint();
const matrix = await executor.open(process.argv[2]);
const openMs = Number(process.hrtime.bigint() - startedNs) / 1e6;
const query = new Float32Array(matrix.dimensions).fill(1);
await executor.topK(query, matrix, { k: 10 });
console.log(JSON.stringify({ openMs }));
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));
await matrix[Symbol.asyncDispose]();
await executor.close();
