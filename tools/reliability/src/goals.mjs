const NATIVE_TOOLS = ['a C++ compiler', 'CMake', 'make or ninja'];

/**
 * The reliability goals: the tests of each (project folder, file, and a part of the test's name if only some tests of a file count), and
 * the minimum counts. `tier` says what the tests ran on, `needs` the tools of missing-tools.mjs without which they are skipped.
 *
 * @typedef {{ folder: string, file: string, name?: string }} Source
 * @type {Record<string, { title: string, tier: string, unit: string, least: { ci: number, nightly: number },
 *   needs?: string[], sources: Source[] }>}
 */
export const GOALS = {
  R1: {
    title: 'no snapshot is torn while four workers write',
    ...{ tier: 'pure', unit: 'reads', least: { ci: 1e8, nightly: 1e10 } },
    sources: [{ folder: 'packages/tracker', file: 'tests/worker-threads.test.ts', name: 'no snapshot is torn' }],
  },
  R2: {
    title: 'eight workers lose and double no count',
    ...{ tier: 'pure', unit: 'records', least: { ci: 1e8, nightly: 1e8 } },
    sources: [{ folder: 'packages/tracker', file: 'tests/worker-threads.test.ts', name: 'lose no count' }],
  },
  R3: {
    title: 'killed workers block no other thread and lose no acknowledged record',
    ...{ tier: 'pure and native', unit: 'kills', least: { ci: 2000, nightly: 50_000 } },
    sources: [
      { folder: 'packages/tracker', file: 'tests/worker-threads.test.ts', name: 'at any point tear nothing' },
      { folder: 'packages/backend-cpu', file: 'tests/worker-threads.test.ts' },
    ],
  },
  R4: {
    title: 'every interleaving of the protocols, with a kill at each step',
    ...{ tier: 'pure', unit: 'interleavings', least: { ci: 1e7, nightly: 1e7 } },
    sources: [{ folder: 'packages/tracker', file: 'tests/schedules.test.ts' }],
  },
  R5: {
    title: 'faults of the CUDA driver under random schedules',
    ...{ tier: 'simulated GPU', unit: 'runs', least: { ci: 100_000, nightly: 5_000_000 } },
    needs: NATIVE_TOOLS,
    sources: [{ folder: 'tools/cuda-simulator', file: 'tests/fault-sweep.test.ts', name: 'random scenarios' }],
  },
  R6: {
    title: 'every code at every call and allocation of the CUDA driver',
    ...{ tier: 'simulated GPU', unit: 'runs', least: { ci: 3000, nightly: 3000 } },
    needs: NATIVE_TOOLS,
    sources: [{ folder: 'tools/cuda-simulator', file: 'tests/fault-sweep.test.ts', name: 'every code' }],
  },
  R7: {
    title: 'no answer is wrong whichever allocation, submit, pipeline or fence of WebGPU fails, once or for good',
    ...{ tier: 'software GPU', unit: 'runs', least: { ci: 60, nightly: 60 } },
    needs: NATIVE_TOOLS,
    sources: [{ folder: 'packages/backend-webgpu', file: 'tests/faults.test.ts', name: 'no answer is wrong' }],
  },
  R8: {
    title: 'every item is done once or remains, whatever fails',
    ...{ tier: 'pure', unit: 'scripts', least: { ci: 100_000, nightly: 10_000_000 } },
    sources: [
      { folder: 'packages/splitter', file: 'tests/conservation.test.ts' },
      { folder: 'packages/dispatcher', file: 'tests/conservation.test.ts' },
    ],
  },
  R9: {
    title: 'memory stays under its cap, for caps from 1 MiB to 1 GiB and batches up to a million rows',
    ...{ tier: 'pure', unit: 'places of the grid', least: { ci: 100, nightly: 100 } },
    sources: [
      { folder: 'packages/splitter', file: 'tests/memory-grid.test.ts' },
      { folder: 'packages/dispatcher', file: 'tests/memory-grid.test.ts' },
    ],
  },
  R10: {
    title: 'hostile calls fail with a clear message, and sanitizers find nothing in the native suites',
    ...{ tier: 'native and simulated GPU', unit: 'calls and runs', least: { ci: 10_000, nightly: 1_000_000 } },
    needs: NATIVE_TOOLS,
    sources: [
      { folder: 'tools/reliability', file: 'tests/hostile-calls.test.ts' },
      { folder: 'packages/backend-cpu', file: 'tests/hostile-buffers.test.ts' },
      { folder: 'packages/backend-cpu', file: 'tests/native-core.test.ts', name: 'under ASan' },
      { folder: 'tools/cuda-simulator', file: 'tests/fault-sweep.test.ts', name: 'under ASan' },
    ],
  },
  R11: {
    title: 'no data race in the thread pool and in the kernels',
    ...{ tier: 'native and simulated GPU', unit: 'runs', least: { ci: 1000, nightly: 10_000 } },
    needs: NATIVE_TOOLS,
    sources: [
      { folder: 'packages/backend-cpu', file: 'tests/native-core.test.ts', name: 'under TSan' },
      { folder: 'tools/cuda-simulator', file: 'tests/fault-sweep.test.ts', name: 'under TSan' },
    ],
  },
  R12: {
    title: 'mutated files of vectors are read or refused with a typed error, in bounded memory',
    ...{ tier: 'pure', unit: 'files', least: { ci: 1e6, nightly: 1e7 } },
    sources: [
      { folder: 'packages/formats', file: 'tests/fuzz.test.ts' },
      { folder: 'packages/storage', file: 'tests/hostile-files.test.ts' },
    ],
  },
  R12b: {
    title: 'fuzzed input gives what the native core must give, and sanitizers find nothing',
    ...{ tier: 'native', unit: 'inputs', least: { ci: 1e6, nightly: 1e8 } },
    needs: [...NATIVE_TOOLS, 'clang++'],
    sources: [{ folder: 'packages/backend-cpu', file: 'tests/fuzzing.test.ts', name: 'finds no violation' }],
  },
  R13: {
    title: 'scores agree with float64 on every instruction set and backend of this machine',
    ...{ tier: 'native and pure', unit: 'rows', least: { ci: 1e6, nightly: 1e7 } },
    sources: [{ folder: 'tools/reliability', file: 'tests/numeric-agreement.test.ts' }],
  },
  R14: {
    title: 'memory use does not grow during many dispatches',
    ...{ tier: 'native', unit: 'dispatches', least: { ci: 1e6, nightly: 1e7 } },
    sources: [{ folder: 'tools/reliability', file: 'tests/soak.test.ts' }],
  },
  R15: {
    title: 'processes and workers exit cleanly during any work',
    ...{ tier: 'native', unit: 'exits', least: { ci: 240, nightly: 2400 } },
    sources: [{ folder: 'tools/reliability', file: 'tests/exits.test.ts' }],
  },
  R16: {
    title: 'scraped metrics agree with the requests that ran',
    ...{ tier: 'native', unit: 'attempts', least: { ci: 10_000, nightly: 100_000 } },
    needs: ['prometheus', 'promtool'],
    sources: [{ folder: 'tools/reliability', file: 'tests/prometheus.test.ts' }],
  },
  R17: {
    title: 'planted defects are found',
    ...{ tier: 'pure and simulated GPU', unit: 'defects', least: { ci: 30, nightly: 30 } },
    needs: [...NATIVE_TOOLS, 'nats-server'],
    sources: [
      { folder: 'packages/tracker', file: 'tests/planted-defects.test.ts' },
      { folder: 'packages/tracker', file: 'tests/planted-defects-in-sums.test.ts' },
      { folder: 'tools/cuda-simulator', file: 'tests/planted-defects.test.ts' },
      { folder: 'packages/backend-cpu', file: 'tests/planted-defects.test.ts' },
      { folder: 'tools/reliability', file: 'tests/planted-defects.test.ts' },
      { folder: 'packages/backend-cluster', file: 'tests/nats/planted-defects.test.ts' },
    ],
  },
  R19: {
    title: 'a power cut at any call of saving or of a durable change leaves the last committed state',
    ...{ tier: 'pure', unit: 'cuts', least: { ci: 15_000, nightly: 500_000 } },
    sources: [{ folder: 'packages/storage', file: 'tests/power-cuts.test.ts' }],
  },
  R20: {
    title: 'every answer is that of one version while threads change the matrix and are killed',
    ...{ tier: 'pure and native', unit: 'requests', least: { ci: 300_000, nightly: 3_000_000 } },
    sources: [{ folder: 'packages/gearshift', file: 'tests/changing-matrix.test.ts' }],
  },
  R21: {
    title: 'matrices are made, changed and disposed in a control group of 512 MB',
    ...{ tier: 'native', unit: 'changes', least: { ci: 100_000, nightly: 1_000_000 } },
    sources: [{ folder: 'tools/reliability', file: 'tests/churn.test.ts' }],
  },
  R22: {
    title: 'rankings from codes have the rows and the bits of the scan in float32',
    ...{ tier: 'native', unit: 'answers', least: { ci: 1e6, nightly: 1e7 } },
    needs: NATIVE_TOOLS,
    sources: [{ folder: 'packages/backend-cpu', file: 'tests/native-core.test.ts', name: 'every ranking from codes' }],
  },
  R23: {
    title:
      'every answer of a cluster is right or a typed error while its parties are killed, stopped, separated and lie',
    ...{ tier: 'native, on a real NATS server', unit: 'queries', least: { ci: 100_000, nightly: 500_000 } },
    needs: ['nats-server'],
    sources: [
      { folder: 'packages/backend-cluster', file: 'tests/nats/chaos.test.ts' },
      { folder: 'packages/backend-cluster', file: 'tests/nats/losses.test.ts' },
    ],
  },
};
