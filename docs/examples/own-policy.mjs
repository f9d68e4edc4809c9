// A policy of your own for a GPU that is shared with another program: it sends only large requests to the GPU, and at most
// `maxInARow` of them in a row. Any object with these six members is a policy.
//
// Run it with `node own-policy.mjs`, where `gearshift` and the packages imported below are installed.
import { createPortableBackend } from '@gearshift/backend-cpu';
import { createMatrix, err, ok, unwrap } from '@gearshift/contracts';
import { adaptivePolicy, shadowPolicy } from '@gearshift/policies';
import { createExecutor } from 'gearshift';

function politePolicy({ minFlops, maxInARow }) {
  let inARow = 0;
  return {
    name: 'polite',

    // Synchronous; writes its decision into `out`.
    decide(work, devices, context, out) {
      const gpu = devices.findIndex((device) => device.kind === 'gpu' && device.supported && !device.blocked);
      const cpu = devices.findIndex((device) => device.kind === 'cpu');
      out.device = cpu;
      if (gpu < 0) out.reason = 'no-device';
      else if (work.flops < minFlops) out.reason = 'too-small';
      else if (inARow === maxInARow) out.reason = 'queue';
      else {
        out.device = gpu;
        out.reason = 'predicted-faster';
      }
      inARow = out.device === gpu ? inARow + 1 : 0;
    },

    // Called after each attempt. This policy does not learn, so it also has nothing to export.
    observe() {},
    snapshot: () => ({ policy: 'polite', options: { minFlops, maxInARow } }),
    export: () => ({ policy: 'polite', version: 1, learned: {} }),
    import: ({ policy }) =>
      policy === 'polite' ? ok(undefined) : err({ kind: 'wrong-policy', message: `made by ${policy}` }),
  };
}

/** A fake GPU that runs on the CPU, because trying out a policy needs no real one. */
function pretendGpu(cpu) {
  const id = 'pretend:0';
  return {
    id,
    kind: 'gpu',
    describe: () => ({ ...cpu.describe(), id, kind: 'gpu', device: 'not a GPU' }),
    memory: () => ({ freeBytes: null, totalBytes: null, readAtMs: performance.now() }),
    supports: (request) => cpu.supports(request),
    topK: (request, output, signal) => cpu.topK(request, output, signal),
    cosineSimilarity: (request, output, signal) => cpu.cosineSimilarity(request, output, signal),
    spreadActivation: (request, output, signal) => cpu.spreadActivation(request, output, signal),
    async close() {},
  };
}

const cpu = unwrap(await createPortableBackend());
// The second policy only watches; the snapshot compares its decisions with those of the first one.
const policy = shadowPolicy(politePolicy({ minFlops: 10_000, maxInARow: 2 }), adaptivePolicy());
const executor = await createExecutor({ backends: [pretendGpu(cpu), cpu], policy });

const small = createMatrix(new Float32Array(16 * 8), { dimensions: 8 });
const large = createMatrix(new Float32Array(1000 * 8), { dimensions: 8 });
for (const matrix of [small, large, large, large, large]) {
  const run = await executor.run({ operation: 'top-k', query: new Float32Array(8), matrix, k: 1 });
  const { decision } = unwrap(run);
  console.log(`${String(matrix.rows).padStart(4)} rows: ${decision.backend}, ${decision.reason}`);
}

const { options, learned } = executor.describe().policy;
console.log(`${options.watching} watched ${learned.decisions} decisions`);
await executor.close();
