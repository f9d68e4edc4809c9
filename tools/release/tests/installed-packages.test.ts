import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installTarballs, runProgram } from '../src/install-tarballs.mjs';
import { packPackages } from '../src/pack-packages.mjs';

const folders: string[] = [];
const tarballs = mkdtempSync(join(tmpdir(), 'gearshift-pack-'));
folders.push(tarballs);
const packed = packPackages(tarballs);
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function install(wanted: string[], npmArgs: string[] = []): string {
  const folder = installTarballs(packed, wanted, npmArgs);
  folders.push(folder);
  return folder;
}

/** The same program as an ES module and as CommonJS; `body` calls `print` with one value. */
function runBoth(folder: string, names: string, from: string, body: string): unknown[] {
  const main = `(async () => { const print = (value) => console.log(JSON.stringify(value)); ${body} })();`;
  return [
    runProgram(folder, 'esm', `import { ${names} } from '${from}';\n${main}`),
    runProgram(folder, 'cjs', `const { ${names} } = require('${from}');\n${main}`),
  ];
}

/** What each package does when it is all that a user installed. */
const alone: { name: string; names: string; body: string; answer: unknown }[] = [
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
    name: '@gearshift/dispatcher',
    names: 'createDispatcher, thresholdPolicy, pinnedPolicy',
    body: `let problem = 'none';
      try { createDispatcher({ backends: [], policy: thresholdPolicy() }); } catch (error) { problem = error.name; }
      print([typeof pinnedPolicy('cpu'), problem]);`,
    answer: ['object', expect.stringMatching(/^(Type|Range)Error$/)],
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
    // With a GPU or without: it says which device is meant, and prints nothing.
    name: '@gearshift/backend-cuda',
    names: 'createCudaBackend',
    body: `const made = await createCudaBackend();
      print(made.ok ? made.value.id : made.error.backend);
      if (made.ok) await made.value.close();`,
    answer: 'cuda:0',
  },
  {
    // Neither of its peers is there.
    name: '@gearshift/telemetry',
    names: 'instrumentOpenTelemetry, instrumentPrometheus, METRICS, prometheusName',
    body: `const messages = [() => instrumentPrometheus({}, {}), () => instrumentOpenTelemetry({ snapshot() {}, tracker: { totals() {} } }, { tracerProvider: { getTracer() {} } })].map((call) => {
        try { call(); } catch (error) { return error.message.split(':')[0]; }
      });
      print([prometheusName(METRICS.attempts), ...messages]);`,
    answer: ['gearshift_attempts_total', 'executor', '@opentelemetry/api'],
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

describe.each(alone)('$name alone, installed with npm', ({ name, names, body, answer }) => {
  it('runs from ES modules and from CommonJS, and prints nothing of its own', () => {
    expect(runBoth(install([name]), names, name, body)).toEqual([answer, answer]);
  });
});

it('tries every package that has code', () => {
  const tried = [...alone.map(({ name }) => name), '@gearshift/cli'];
  expect(tried.sort()).toEqual(
    packed
      .filter(({ isPlatform }) => !isPlatform)
      .map(({ name }) => name)
      .sort(),
  );
});

describe('the native addon', () => {
  const body = `const { value: backend } = await createCpuBackend();
    const { source, level, limitations } = backend.describe();
    print({ source, level, limitations });
    await backend.close();`;
  const here = `@gearshift/backend-cpu-${process.platform}-${process.arch}`;
  const hasAddon = packed.some(({ name, files }) => name.startsWith(here) && files.includes('gearshift-cpu.node'));

  it.skipIf(!hasAddon)('comes from the platform package (needs an addon built on this machine)', () => {
    const folder = install(['gearshift']);
    const answers = runBoth(folder, 'createCpuBackend', '@gearshift/backend-cpu', body);
    expect(answers).toEqual([
      expect.objectContaining({ source: 'prebuilt' }),
      expect.objectContaining({ source: 'prebuilt' }),
    ]);
  });

  it('is not needed: without the platform package the portable backend runs and says why', () => {
    const folder = install(['gearshift'], ['--omit=optional']);
    expect(
      readdirSync(join(folder, 'node_modules/@gearshift')).filter((name) => name.startsWith('backend-cpu-')),
    ).toEqual([]);
    const answers = runBoth(folder, 'createCpuBackend', '@gearshift/backend-cpu', body);
    for (const answer of answers) {
      expect(answer).toMatchObject({ source: 'portable' });
      expect((answer as { limitations: string[] }).limitations.join('\n')).toContain('@gearshift/backend-cpu');
    }
  });
});

describe('@gearshift/cli, installed with npm', () => {
  let folder: string;
  beforeAll(() => {
    folder = install(['@gearshift/cli']);
    mkdirSync(join(folder, 'notes'));
    writeFileSync(join(folder, 'notes/gearbox.txt'), 'A gearbox changes the ratio between engine and wheels.\n');
    writeFileSync(join(folder, 'notes/bread.txt'), 'Bread needs flour, water, salt and patience.\n');
  });

  it('brings a command that searches a folder and prints one JSON object', () => {
    const command = join(folder, 'node_modules/.bin', process.platform === 'win32' ? 'gearshift.cmd' : 'gearshift');
    expect(existsSync(command)).toBe(true);
    const args = ['search', '--dir', 'notes', '--query', 'flour and salt', '--k', '1', '--json'];
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: folder,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { results } = JSON.parse(stdout) as { results: { file: string; line: number }[] };
    expect(results).toMatchObject([{ file: expect.stringContaining('bread.txt'), line: 1 }]);
  });

  it('can be imported', () => {
    const code =
      "import('@gearshift/cli').then((module) => console.log(JSON.stringify(Object.keys(module).length > 0)));";
    expect(runProgram(folder, 'cjs', code)).toBe(true);
  });
});
