/** Methods of the executor. */
export const OPERATIONS = ['topK', 'cosineSimilarity', 'spreadActivation'];

/** The first is the default of the facade. */
export const POLICIES = ['adaptive', 'pinned'];

/** The simulated GPU answers at once. Beside it, the CPU takes this long, so that the adaptive policy prefers the GPU. */
const SLOW_CPU_MS = 30;
const ROWS = 600;
const DIMENSIONS = 16;
const NODES = 600;
const EDGES_PER_NODE = 8;
/** Memory for a third of a request, in bytes by operation. Found by trial; the tests check that three pieces result. */
const CAP_BYTES = { topK: 16_000, cosineSimilarity: 16_000, spreadActivation: 20_000 };

/** @returns {'cpu' | 'gpu' | 'pieces'} */
export function wayOf({ device, pieces }) {
  if (pieces) return 'pieces';
  return device === 'gpu' ? 'gpu' : 'cpu';
}

/**
 * An executor and a request that can be repeated. The packages are imported only here, because the recording of their calls must be set up
 * before.
 *
 * @param {{ operation: string, way: 'cpu' | 'gpu' | 'pieces', policy: string, pass: (ms: number) => void }} what `pass` lets time pass
 * @returns {Promise<{ request: () => Promise<unknown>, cpuSource: string, gpuCalls: () => number, close: () => Promise<void> }>}
 */
export async function openScenario({ operation, way, policy, pass }) {
  const { createExecutor, pinnedPolicy } = await import('gearshift');
  const gpu = way === 'cpu' ? undefined : await openGpu();
  const cpu = await openCpu();
  const executor = await createExecutor({
    backends: gpu === undefined ? [cpu] : [gpu, slowedDown(cpu, pass)],
    policy: policy === 'pinned' ? pinnedPolicy(gpu?.id ?? cpu.id) : undefined,
    memory: way === 'pieces' ? { capBytes: CAP_BYTES[operation], usableFraction: 1 } : undefined,
  });
  const request = await makeRequest(executor, operation);
  return {
    request,
    cpuSource: cpu.describe().source,
    // Copies of operands are no part of the work.
    gpuCalls: () => gpu?.calls.filter((call) => call.operation !== 'make-resident').length ?? 0,
    async close() {
      await executor.close();
      await cpu.close();
    },
  };
}

async function openGpu() {
  const { createFakeGpuBackend } = await import('@gearshift/testing');
  return createFakeGpuBackend();
}

async function openCpu() {
  const { createCpuBackend } = await import('@gearshift/backend-cpu');
  const opened = await createCpuBackend();
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

/** The same backend, with operations that take longer. */
function slowedDown(backend, pass) {
  return new Proxy(backend, {
    get(target, name) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      if (!OPERATIONS.includes(name)) return member.bind(target);
      return (...args) => {
        pass(SLOW_CPU_MS);
        return member.apply(target, args);
      };
    },
  });
}

async function makeRequest(executor, operation) {
  const values = (count) => Float32Array.from({ length: count }, (_, index) => Math.sin(1.3 * index));
  if (operation === 'spreadActivation') {
    const edges = Array.from({ length: NODES * EDGES_PER_NODE }, (_, index) => {
      const from = index % NODES;
      return [from, (from * 7 + index) % NODES, 0.5];
    });
    const graph = await executor.graph({ nodes: NODES, edges });
    const activations = new Float32Array(NODES);
    activations[0] = 1;
    return () => executor.spreadActivation(graph, activations);
  }
  const matrix = await executor.matrix(values(ROWS * DIMENSIONS), { dimensions: DIMENSIONS });
  const query = values(DIMENSIONS);
  return operation === 'topK'
    ? () => executor.topK(query, matrix, { k: 10 })
    : () => executor.cosineSimilarity(query, matrix);
}
