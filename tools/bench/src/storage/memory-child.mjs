// node --expose-gc memory-child.mjs WHAT ROWS DIMENSIONS
//
// Prints the bytes that WHAT takes beyond what the process had before. Each question has a process of its own, because memory
// that was given back to the allocator is not given back to the system.
import { readFileSync } from 'node:fs';
import { createExecutor } from 'gearshift';

const [what, rows, dimensions] = process.argv.slice(2).map((arg, i) => (i === 0 ? arg : Number(arg)));
const CHURN_BYTES = 5 * 2 ** 20;

const MEASURES = {
  /** A matrix made from an array that is dropped afterwards, and asked once. */
  async matrix(executor, before) {
    const query = randomValues(new Float32Array(dimensions));
    const matrix = await executor.matrix(randomValues(new Float32Array(rows * dimensions)), { dimensions });
    await executor.topK(query, matrix, { k: 10 });
    await settle();
    const held = residentBytes() - before;
    await matrix[Symbol.asyncDispose]();
    await settle();
    return { bytes: held, afterDispose: residentBytes() - before };
  },
  /** What an adopted shared array takes in addition. */
  async adopted(executor) {
    const values = randomValues(new Float32Array(new SharedArrayBuffer(rows * dimensions * 4)));
    await settle();
    const own = residentBytes();
    const matrix = await executor.matrix(values, { dimensions, adopt: true });
    await executor.topK(values.slice(0, dimensions), matrix, { k: 10 });
    await settle();
    return { bytes: residentBytes() - own };
  },
  /** The largest resident memory while matrices are made, asked and disposed. */
  async churn(executor) {
    const values = new Float32Array(CHURN_BYTES / 4).fill(1);
    const query = values.slice(0, 1280);
    let most = 0;
    for (let round = 0; round < rows; round++) {
      const matrix = await executor.matrix(values, { dimensions: 1280 });
      await executor.topK(query, matrix, { k: 1 });
      await matrix[Symbol.asyncDispose]();
      most = Math.max(most, process.memoryUsage.rss());
    }
    return { bytes: most };
  },
  /** 20 further executors that have not been used. */
  async executors(_, before) {
    const executors = [];
    for (let i = 0; i < 20; i++) executors.push(await createExecutor({ backends: ['cpu'] }));
    await settle();
    const bytes = (residentBytes() - before) / executors.length;
    await Promise.all(executors.map((executor) => executor.close()));
    return { bytes };
  },
};

const executor = await createExecutor({ backends: ['cpu'] });
// The code and the buffers of the first request are not those of a matrix.
const tiny = await executor.matrix([[1, 2]]);
await executor.topK([1, 2], tiny, { k: 1 });
await settle();
console.log(JSON.stringify(await MEASURES[what](executor, residentBytes())));
await executor.close();

async function settle() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resident memory of this process; pages shared with other processes count by their share. */
function residentBytes() {
  const [, kilobytes] = /^Pss:\s+(\d+) kB/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'));
  return Number(kilobytes) * 1024;
}

function randomValues(values) {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 32 - 0.5;
  }
  return values;
}
