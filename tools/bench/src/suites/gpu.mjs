import { isDeepStrictEqual } from 'node:util';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { createCudaBackend } from '@gearshift/backend-cuda';
import { createWebGpuBackend } from '@gearshift/backend-webgpu';
import { createMatrix, createTopKOutput, graphFromEdges, prepareTopK, unwrap } from '@gearshift/contracts';
import { clusteredValues, createRandom, randomValues } from '@gearshift/testing';
import { softwareDriver } from '@gearshift/vulkan-drivers';
import { createExecutor } from 'gearshift';
import { interleave, medianRatio } from '../interleave.mjs';

const DIMENSIONS = 768;
const SOFTWARE = 'a driver in software: says nothing about a GPU';

export default {
  name: 'gpu',
  description: 'the operations on the GPUs of this machine beside the CPU, uploads, and what the executor chooses',

  async run({ quick, log }) {
    const { backends, reasons } = await openGpus();
    const cpu = unwrap(await createCpuBackend());
    const tables = [];
    for (const backend of backends) {
      const { id, device, driver, limitations } = backend.describe();
      const isSoftware = limitations.some((line) => line.includes('software'));
      log(`${device} (${id}) ...`);
      const title = `${device}, ${driver ?? ''}${isSoftware ? ` (${SOFTWARE})` : ''}`;
      tables.push({
        title: `${title}: resident operands, beside the CPU backend`,
        columns: ['request', 'ms', 'times as fast as the CPU'],
        rows: await compare(backend, cpu, { quick, isSoftware }),
      });
      tables.push({
        title: `${title}: a top-10 with a companion beside that of the same device without one, clustered rows`,
        columns: [
          'companion',
          'rows',
          'queries',
          'ms',
          'times as fast',
          'rows scored',
          'upload ms',
          'upload ms without',
        ],
        rows: await companions(backend, { quick, isSoftware }),
      });
      tables.push({
        title: `${title}: uploads`,
        columns: ['operand', 'MiB', 'ms', 'GiB/s'],
        rows: await upload(backend, { quick, isSoftware }),
      });
      tables.push({
        title: `${title}: requests that an executor with this GPU and the CPU sent where, adaptive policy`,
        columns: ['matrix', 'of the first 100 to the GPU', 'of the last 100 to the GPU'],
        rows: await choices(backend, { quick, isSoftware }),
      });
      await backend.close();
    }
    await cpu.close();
    if (reasons.length > 0) {
      tables.push({ title: 'Backends that did not start', columns: ['backend', 'reason'], rows: reasons });
    }
    return { tables, goals: [] };
  },
};

/** GPUs, and where there is none for WebGPU, a driver in software. */
async function openGpus() {
  const backends = [];
  const reasons = [];
  const cuda = await createCudaBackend();
  if (cuda.ok) backends.push(cuda.value);
  else reasons.push(['cuda', cuda.error.message]);
  let webgpu = await createWebGpuBackend();
  if (!webgpu.ok) {
    reasons.push(['webgpu', webgpu.error.message]);
    const driver = softwareDriver('swiftshader');
    if (driver.lacks === null) {
      driver.load();
      webgpu = await createWebGpuBackend({ allowSoftwareDriver: true, adapter: 'SwiftShader' });
    }
  }
  if (webgpu.ok) backends.push(webgpu.value);
  return { backends, reasons };
}

async function compare(backend, cpu, { quick, isSoftware }) {
  const rows = [];
  for (const rowCount of quick ? [1000] : isSoftware ? [1000, 10_000] : [1000, 10_000, 100_000, 1_000_000]) {
    const matrix = createMatrix(randomValues(rowCount * DIMENSIONS, rowCount), { dimensions: DIMENSIONS });
    for (const side of [backend, cpu]) unwrap(await side.makeResident(matrix));
    for (const [name, queries] of [
      ['top-10', 1],
      ['top-10, 32 queries', 32],
    ]) {
      const query = randomValues(queries * DIMENSIONS, 7);
      const request = prepareTopK({ operation: 'top-k', query, queries, matrix, k: 10 });
      const output = createTopKOutput(request);
      const run = (side) => async () => unwrap(await side.topK(request, output));
      rows.push(await against(`${name}, ${rowCount} x ${DIMENSIONS}`, run(backend), run(cpu), quick));
    }
    const scores = new Float32Array(rowCount);
    const request = { operation: 'cosine-similarity', query: randomValues(DIMENSIONS, 8), matrix };
    const run = (side) => async () => unwrap(await side.cosineSimilarity(request, scores));
    rows.push(await against(`cosine, ${rowCount} x ${DIMENSIONS}`, run(backend), run(cpu), quick));
    for (const side of [backend, cpu]) side.release(matrix);
  }
  for (const nodes of quick ? [1000] : isSoftware ? [10_000] : [10_000, 1_000_000]) {
    const graph = graphOf(nodes, 8);
    const activations = randomValues(nodes, 9);
    const output = new Float32Array(nodes);
    const request = { operation: 'spread-activation', graph, activations, hops: 2 };
    const run = (side) => async () => unwrap(await side.spreadActivation(request, output));
    rows.push(await against(`2 hops, ${nodes} nodes of 8 edges`, run(backend), run(cpu), quick));
    for (const side of [backend, cpu]) side.release(graph);
  }
  return rows;
}

/** The same answers, of which every bit is compared. */
async function companions(backend, { quick, isSoftware }) {
  const rows = [];
  for (const rowCount of quick ? [2000] : isSoftware ? [4000] : [10_000, 100_000, 1_000_000]) {
    const values = clusteredValues({ rows: rowCount, dimensions: DIMENSIONS, clusters: 100, deviation: 0.3, seed: 3 });
    const plain = createMatrix(values, { dimensions: DIMENSIONS, companion: 'none' });
    const plainUploadMs = await warmUploadMs(backend, plain);
    for (const companion of ['float16', 'int8']) {
      const helped = createMatrix(values, { dimensions: DIMENSIONS, companion });
      const uploadMs = await warmUploadMs(backend, helped);
      for (const queries of isSoftware ? [1, 8] : [1, 32]) {
        const query = values.slice(0, queries * DIMENSIONS).map((value, i) => value + 0.1 * Math.sin(i));
        const [requests, outputs] = [[], []];
        for (const matrix of [helped, plain]) {
          const request = prepareTopK({ operation: 'top-k', query, queries, matrix, k: 10 });
          requests.push(request);
          outputs.push(createTopKOutput(request));
        }
        const contestants = ['with', 'without'].map((name, i) => ({
          name,
          run: async () => unwrap(await backend.topK(requests[i], outputs[i])),
        }));
        const [withOne, without] = await interleave(contestants, {
          rounds: quick ? 3 : isSoftware ? 5 : 15,
          turnMs: quick ? 1 : 20,
        });
        const isSame = ['indices', 'scores'].every((part) => isDeepStrictEqual(outputs[0][part], outputs[1][part]));
        if (!isSame) throw new Error(`${companion}: other answers than without it`);
        const scored = outputs[0].search?.rescored ?? 'all';
        const times = [withOne.medianNs / 1e6, medianRatio(without, withOne)];
        rows.push([companion, rowCount, queries, ...times, scored, uploadMs, plainUploadMs]);
      }
      backend.release(helped);
    }
    backend.release(plain);
  }
  return rows;
}

/** Of the second upload: the first one of a kind compiles its kernels. */
async function warmUploadMs(backend, matrix) {
  unwrap(await backend.makeResident(matrix));
  backend.release(matrix);
  return unwrap(await backend.makeResident(matrix)).totalMs;
}

async function against(name, onGpu, onCpu, quick) {
  const contestants = [
    { name: 'gpu', run: onGpu },
    { name: 'cpu', run: onCpu },
  ];
  const [gpu, cpu] = await interleave(contestants, { rounds: quick ? 3 : 15, turnMs: quick ? 1 : 20 });
  return [name, gpu.medianNs / 1e6, medianRatio(cpu, gpu)];
}

async function upload(backend, { quick, isSoftware }) {
  const rows = [];
  for (const rowCount of quick ? [1000] : isSoftware ? [20_000] : [20_000, 100_000]) {
    const matrix = createMatrix(randomValues(rowCount * DIMENSIONS, rowCount), { dimensions: DIMENSIONS });
    const times = [];
    for (let i = 0; i < (quick ? 1 : 7); i++) {
      const startMs = performance.now();
      unwrap(await backend.makeResident(matrix));
      times.push(performance.now() - startMs);
      backend.release(matrix);
    }
    const ms = times.sort((a, b) => a - b)[times.length >> 1];
    const mib = matrix.values.byteLength / 2 ** 20;
    rows.push([`${rowCount} x ${DIMENSIONS}`, mib, ms, mib / 1024 / (ms / 1000)]);
  }
  return rows;
}

async function choices(backend, { quick, isSoftware }) {
  const rows = [];
  for (const rowCount of quick ? [500] : isSoftware ? [500, 5000] : [500, 5000, 100_000]) {
    const executor = await createExecutor({ backends: [backend, 'cpu'] });
    const values = randomValues(rowCount * DIMENSIONS, rowCount);
    const matrix = await executor.matrix(values, { dimensions: DIMENSIONS, expectedUses: 1000 });
    const onGpu = [];
    for (let i = 0; i < (quick ? 10 : 400); i++) {
      const query = values.subarray((i % rowCount) * DIMENSIONS, ((i % rowCount) + 1) * DIMENSIONS);
      const ran = await executor.run({ operation: 'top-k', query, matrix, k: 10 });
      onGpu.push(Number(ran.ok && ran.value.decision?.device === 'gpu'));
    }
    const sum = (list) => list.reduce((total, one) => total + one, 0);
    rows.push([`${rowCount} x ${DIMENSIONS}`, sum(onGpu.slice(0, 100)), sum(onGpu.slice(-100))]);
    await executor.close();
  }
  return rows;
}

function graphOf(nodes, edgesOfNode) {
  const random = createRandom(nodes);
  const edges = [];
  for (let i = 0; i < nodes * edgesOfNode; i++) {
    edges.push([random.integer(nodes), random.integer(nodes), random.next()]);
  }
  return graphFromEdges(nodes, edges);
}
