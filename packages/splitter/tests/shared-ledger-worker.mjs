import { parentPort, workerData } from 'node:worker_threads';
import { createMemoryBudget } from '../dist/index.js';

const { ledger, capBytes, rounds, seed, granted } = workerData;
const budget = createMemoryBudget(() => ({ freeBytes: null, totalBytes: null, readAtMs: 0 }), { capBytes, ledger });
/** What all threads together have been granted, kept beside the ledger so that the ledger is not its own witness. */
const sum = new Int32Array(granted);

let state = seed;
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state % below;
};

let most = 0;
let refused = 0;
for (let round = 0; round < rounds; round++) {
  const bytes = 1 + random(capBytes);
  const reserved = budget.reserve(bytes);
  if (!reserved.ok) {
    refused += 1;
    continue;
  }
  most = Math.max(most, Atomics.add(sum, 0, bytes) + bytes);
  if (random(4) === 0) budget.trackDeallocation(7);
  for (let spin = random(200); spin > 0; spin--) Atomics.load(sum, 0);
  Atomics.sub(sum, 0, bytes);
  reserved.value.release();
}
parentPort.postMessage({ most, refused });
