/**
 * A program for each package, installed alone, that calls `print` with one value, and that value.
 *
 * @type {{ name: string, from?: string, names: string, body: string, answer: unknown }[]} `from`: the imported entry, if it is not the
 *   package's main entry
 */
export const SMOKE_PROGRAMS = [
  {
    name: '@gearshift/contracts',
    names: 'createMatrix',
    body: 'print(createMatrix(new Float32Array(6), { dimensions: 3 }).rows)',
    answer: 2,
  },
  {
    name: '@gearshift/tracker',
    names: 'createTracker',
    body: `const tracker = createTracker({ operations: ['top-k'] });
      tracker.recordCpuLatency('top-k', 4);
      tracker.recordGpuSuccess('top-k', 2);
      print(tracker.snapshot('top-k').speedup);`,
    answer: 2,
  },
  {
    name: '@gearshift/splitter',
    names: 'createMemoryBudget, processInChunks, resume',
    body: `const budget = createMemoryBudget(() => ({ freeBytes: 50, totalBytes: 50, readAtMs: 0 }));
      const options = { budget, bytesPerItem: 20 };
      let calls = 0;
      const double = async (chunk) => {
        if (calls++ === 1) throw new Error('half-way');
        return { ok: true, value: chunk.map((item) => 2 * item) };
      };
      const { error } = await processInChunks([1, 2, 3], options, double);
      const { value } = await resume(error.partial, [1, 2, 3], options, double);
      print([error.kind, error.partial.done, value]);`,
    answer: ['chunk-failed', [{ start: 0, end: 2 }], [2, 4, 6]],
  },
  {
    name: '@gearshift/native-kit',
    names: 'currentPlatform, loadAddon, OpenState',
    body: `const wanted = { title: 'TEST', packageName: 'none', fileName: 'none.node', overrideVariable: 'NONE', version: '1', abi: 1,
        prebuilds: new URL('file:///nowhere'), platformPackages: {}, adviceElsewhere: 'none' };
      const { addon, failures } = loadAddon(wanted, (module) => module);
      print([currentPlatform().startsWith(process.platform), addon, failures.length, typeof OpenState]);`,
    answer: [true, null, 2, 'function'],
  },
  {
    name: '@gearshift/dispatcher',
    names: 'createCircuitBreaker, createDispatcher',
    body: `let problem = 'none';
      try { createDispatcher({ backends: [] }); } catch (error) { problem = error.name; }
      print([createCircuitBreaker({ device: 'cuda:0' }).state, problem]);`,
    answer: ['closed', 'RangeError'],
  },
  {
    name: '@gearshift/policies',
    names: 'adaptivePolicy, exportCalibration, importCalibration, pinnedPolicy, thresholdPolicy',
    body: `const kept = exportCalibration({ policy: adaptivePolicy(), backends: [] });
      const { ok, value } = importCalibration({ policy: adaptivePolicy(), backends: [] }, JSON.parse(JSON.stringify(kept)));
      print([ok, value.taken, pinnedPolicy('cpu').name, thresholdPolicy().name]);`,
    answer: [true, [], 'pinned', 'threshold'],
  },
  {
    name: '@gearshift/backend-cpu',
    names: 'createCpuBackend',
    body: `const { ok, value: backend } = await createCpuBackend();
      const matrix = { id: 1, version: 1, rows: 2, dimensions: 2, values: new Float32Array([3, 4, 4, -3]) };
      const output = new Float32Array(2);
      const done = await backend.cosineSimilarity({ operation: 'cosine-similarity', query: new Float32Array([3, 4]), matrix }, output);
      print([ok, done.ok, [...output].map((score) => Math.round(score * 1e4) / 1e4)]);
      await backend.close();`,
    answer: [true, true, [1, 0]],
  },
  {
    // With or without a GPU it names the device, and prints nothing.
    name: '@gearshift/backend-cuda',
    names: 'createCudaBackend',
    body: `const made = await createCudaBackend();
      print(made.ok ? made.value.id : made.error.backend);
      if (made.ok) await made.value.close();`,
    answer: 'cuda:0',
  },
  {
    // With or without a GPU it names the device.
    name: '@gearshift/backend-webgpu',
    names: 'createWebGpuBackend',
    body: `const made = await createWebGpuBackend();
      print(made.ok ? made.value.id : made.error.backend);
      if (made.ok) await made.value.close();`,
    answer: 'webgpu:0',
  },
  {
    // A worker and a coordinator in one process.
    name: '@gearshift/backend-cluster',
    names: 'createClusterBackend, createClusterWorker, InMemoryNetwork',
    body: `const network = new InMemoryNetwork();
      const worker = await createClusterWorker({ transport: network.connect('w'), name: 'smoke', worker: 'w' });
      const { value } = await createClusterBackend({ transport: network.connect('c'), name: 'smoke' });
      const matrix = { id: 1, version: 1, rows: 2, dimensions: 1, values: new Float32Array([1, 2]) };
      const output = { indices: new Uint32Array(1), scores: new Float32Array(1), count: 0 };
      await value.topK({ operation: 'top-k', query: new Float32Array([3]), matrix, k: 1, metric: 'dot' }, output);
      print([...output.indices, ...output.scores]);
      await value.close();
      await worker.close();`,
    answer: [1, 6],
  },
  {
    // Neither of its peer dependencies is installed.
    name: '@gearshift/telemetry',
    names: 'instrumentOpenTelemetry, instrumentPrometheus, METRICS, prometheusName',
    body: `const messages = [() => instrumentPrometheus({}, {}), () => instrumentOpenTelemetry({ snapshot() {}, tracker: { totals() {} } }, { tracerProvider: { getTracer() {} } })].map((call) => {
        try { call(); } catch (error) { return error.message.split(':')[0]; }
      });
      print([prometheusName(METRICS.attempts), ...messages]);`,
    answer: ['gearshift_attempts_total', 'executor', '@opentelemetry/api is not installed; to fix it'],
  },
  {
    name: '@gearshift/storage',
    names: 'openMatrix, StoredMatrix',
    body: `const made = StoredMatrix.create(1, { dimensions: 2 }, (values) => values.set([1, 2]));
      await made.save('smoke.gearshift');
      const matrix = await openMatrix('smoke.gearshift', { writable: true });
      await matrix.append([[3, 4]]);
      print([matrix.version, [...matrix.values], matrix.file.version]);
      await matrix[Symbol.asyncDispose]();`,
    answer: [2, [1, 2, 3, 4], 2],
  },
  {
    // Without vitest, which only `@gearshift/testing/vitest` needs.
    name: '@gearshift/testing',
    names: 'contractChecks, runCheck',
    body: 'print([typeof runCheck, contractChecks.length > 50]);',
    answer: ['function', true],
  },
  {
    // Without its peer dependency.
    name: '@gearshift/formats',
    names: 'openVectors, vectorsFrom, writeVectors',
    body: `await writeVectors('smoke.npy', vectorsFrom(new Float32Array([1, 2, 3, 4]), { dimensions: 2 }), { overwrite: true });
      const file = await openVectors('smoke.npy');
      const rows = [];
      for await (const batch of file.batches({ maxRows: 1 })) rows.push([...batch.toFloat32()]);
      await file.close();
      print([file.format, file.rows, rows]);`,
    answer: [
      'npy',
      2,
      [
        [1, 2],
        [3, 4],
      ],
    ],
  },
  {
    name: '@gearshift/collection',
    names: 'CollectionFileError, createCollection, FILTER_OPERATORS, openCollection',
    body: `const executor = { matrix() {}, open() {}, topK() {} };
      const problem = await createCollection({}, { dimensions: 1 }).catch((error) => error.name);
      const missing = await openCollection(executor, 'no-such-folder').catch((error) => error);
      print([problem, missing instanceof CollectionFileError, missing.code, FILTER_OPERATORS.length]);`,
    answer: ['TypeError', true, 'ENOENT', 20],
  },
  {
    // npm and pnpm install its peer dependency with it.
    name: '@gearshift/langchain',
    names: 'GearshiftVectorStore',
    body: `let problem = 'none';
      try { new GearshiftVectorStore({}, {}); } catch (error) { problem = error.message.split(':')[0]; }
      print([typeof GearshiftVectorStore.fromTexts, problem]);`,
    answer: ['function', 'executor'],
  },
  {
    name: 'gearshift',
    names: 'createExecutor',
    body: `const executor = await createExecutor();
      const matrix = await executor.matrix(new Float32Array([1, 0, 0, 1, 0.6, 0.8]), { dimensions: 2 });
      const best = await executor.topK([0, 1], matrix, { k: 2 });
      print([...best.indices]);
      await executor.close();`,
    answer: [1, 2],
  },
];
