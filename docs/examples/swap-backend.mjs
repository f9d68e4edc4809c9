// The same program on the CPU, on a GPU through WebGPU, and on a backend of your own: only the list of backends differs.
//
// Run it with `node swap-backend.mjs`, where `gearshift`, `@gearshift/backend-webgpu` and the packages imported below are installed.
import { createPortableBackend } from '@gearshift/backend-cpu';
import { createWebGpuBackend } from '@gearshift/backend-webgpu';
import { unwrap } from '@gearshift/contracts';
import { createExecutor, pinnedPolicy } from 'gearshift';

const DIMENSIONS = 64;
const rows = Float32Array.from({ length: 2000 * DIMENSIONS }, (_, i) => Math.sin(i * i));
const query = rows.slice(7 * DIMENSIONS, 8 * DIMENSIONS);

/** Knows nothing of devices. */
async function search(executor) {
  const matrix = await executor.matrix(rows, { dimensions: DIMENSIONS });
  const { indices } = await executor.topK(query, matrix, { k: 3 });
  const graph = await executor.graph({
    nodes: 3,
    edges: [
      [0, 1],
      [1, 2],
    ],
  });
  const activations = await executor.spreadActivation(graph, Float32Array.of(1, 0, 0), { hops: 2, decay: 0.5 });
  return `rows ${[...indices].join(' ')}, activations ${[...activations].join(' ')}`;
}

/** A backend that counts its calls, made of another one. Your own may do what it likes behind the same methods. */
async function countingBackend() {
  const inner = unwrap(await createPortableBackend());
  let calls = 0;
  const counted =
    (method) =>
    (...request) => {
      calls += 1;
      return inner[method](...request);
    };
  return {
    id: 'own:0',
    kind: 'gpu', // guarded like a GPU: time limits, a circuit breaker, verification
    describe: () => ({ ...inner.describe(), id: 'own:0', kind: 'gpu', device: `a backend that had ${calls} calls` }),
    memory: () => inner.memory(),
    supports: (request) => inner.supports(request),
    cosineSimilarity: counted('cosineSimilarity'),
    topK: counted('topK'),
    spreadActivation: counted('spreadActivation'),
    close: () => inner.close(),
  };
}

// A program on a machine with a GPU leaves `allowSoftwareDriver` out: a driver in software is slower than the CPU backend.
const webgpu = await createWebGpuBackend({ allowSoftwareDriver: true });
const backends = [unwrap(await createPortableBackend()), ...(webgpu.ok ? [webgpu.value] : []), await countingBackend()];
if (!webgpu.ok) console.log(`webgpu:0: ${webgpu.error.message}`);

for (const backend of backends) {
  // The policy keeps every request on this backend; without it the executor chooses.
  const executor = await createExecutor({ backends: [backend], policy: pinnedPolicy(backend.id) });
  console.log(`${backend.id}: ${await search(executor)}`);
  await executor.close();
  await backend.close();
}
