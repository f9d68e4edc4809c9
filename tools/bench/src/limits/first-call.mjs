// The first two calls of a process that spread over a graph of 10,000 nodes: prints their times in milliseconds as JSON.
import { createExecutor } from 'gearshift';

const NODES = 10_000;
const edges = Array.from({ length: 10 * NODES }, (_, edge) => [(edge * 7919) % NODES, edge % NODES, 0.1]);
const activations = new Float32Array(NODES).fill(1);
const executor = await createExecutor({ backends: ['cpu'] });
const graph = await executor.graph({ nodes: NODES, edges });
const times = [];
for (let call = 0; call < 2; call++) {
  const startedMs = performance.now();
  await executor.spreadActivation(graph, activations);
  times.push(performance.now() - startedMs);
}
await executor.close();
console.log(JSON.stringify(times));
