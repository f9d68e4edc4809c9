import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { run } from './clean-install.mjs';
import { consumerFile } from './consumers.mjs';
import { freePort } from './local-registry.mjs';
import { runProgram } from './install-tarballs.mjs';

/** The declarations of LangChain need TypeScript 5.8, unless they are left unchecked. */
const NEEDS_NEWER_TYPESCRIPT = '@gearshift/langchain';
const TSC = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));
const PATIENCE_MS = 30_000;

/** `gearshift doctor` describes this machine as text and as JSON. */
export function checkDoctor(folder) {
  const command = join(folder, 'node_modules/.bin/gearshift');
  const { backends } = JSON.parse(run(process.execPath, [command, 'doctor', '--json'], folder));
  const cpu = backends.find(({ name }) => name === 'cpu');
  if (cpu?.status !== 'ready') throw new Error(`doctor has no CPU: ${JSON.stringify(backends)}`);
  if (!run(process.execPath, [command, 'doctor'], folder).includes('cpu'))
    throw new Error('doctor does not mention the CPU');
}

/**
 * Type-checks a program with all packages as an ES module and as CommonJS, with TypeScript's resolution for Node.js and for bundlers, with
 * the version of this repository and with the least one that users may have. The declarations of the packages are checked too.
 */
export function checkTypes(folder, programs) {
  const least = consumerFile('typescript/bin/tsc');
  const newer = programs.filter(({ name }) => name === NEEDS_NEWER_TYPESCRIPT);
  const others = programs.filter((program) => !newer.includes(program));
  compile(folder, TSC, programs);
  compile(folder, least, others);
  if (newer.length > 0) compile(folder, least, newer, ['--skipLibCheck']);
}

function compile(folder, tsc, programs, extra = []) {
  const imports = programs.map(({ name, from, names }, index) => {
    const renamed = names.split(', ').map((each) => `${each} as ${each}${index}`);
    return `import { ${renamed.join(', ')} } from '${from ?? name}';\nconsole.log(${names.replaceAll(/\w+/g, (each) => each + index)});`;
  });
  for (const file of ['program.mts', 'program.cts']) writeFileSync(join(folder, file), `${imports.join('\n')}\n`);
  for (const [module, moduleResolution] of [
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const args = [
      ...extra,
      '--strict',
      '--noEmit',
      '--target',
      'es2023',
      '--lib',
      'es2023,esnext.disposable',
      '--types',
      'node',
      '--module',
      module,
    ];
    const { status, stdout } = spawnSync(
      process.execPath,
      [tsc, ...args, '--moduleResolution', moduleResolution, 'program.mts', 'program.cts'],
      { cwd: folder, encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${moduleResolution} with ${tsc}: ${stdout}`);
  }
}

/** The facade bundled into one file: it runs next to the packages with their native code, and alone without it. */
export async function checkBundle(folder) {
  const input = join(folder, 'to-bundle.mjs');
  writeFileSync(
    input,
    `import { createExecutor } from 'gearshift';
    const executor = await createExecutor();
    const matrix = await executor.matrix(new Float32Array([1, 0, 0, 1, 0.6, 0.8]), { dimensions: 2 });
    const { indices } = await executor.topK([0, 1], matrix, { k: 2 });
    console.log(JSON.stringify([...indices]));
    await executor.close();\n`,
  );
  const bundle = await rolldown({ input, platform: 'node', cwd: folder, logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  await bundle.close();
  const elsewhere = join(folder, '..', `${folder.split('/').at(-1)}-bundle`);
  for (const place of [folder, elsewhere]) {
    mkdirSync(place, { recursive: true });
    const indices = runProgram(place, 'esm', output[0].code);
    if (indices.join() !== '1,2') throw new Error(`the bundle found rows ${indices.join()}`);
  }
}

/** Ten lines with metrics on a port: scraped directly, and by a Prometheus if there is one. */
export async function checkMetrics(folder) {
  const port = await freePort();
  const program = join(folder, 'with-metrics.mjs');
  writeFileSync(
    program,
    `import { createServer } from 'node:http';
    import { instrumentPrometheus } from '@gearshift/telemetry';
    import { createExecutor } from 'gearshift';
    import { register } from 'prom-client';
    const executor = await createExecutor();
    instrumentPrometheus(executor, { registry: register });
    createServer(async (_request, response) => response.end(await register.metrics())).listen(${port});
    const matrix = await executor.matrix(new Float32Array([1, 0, 0.6, 0.8]), { dimensions: 2 });
    for (let i = 0; i < 7; i++) await executor.topK([1, 0], matrix, { k: 1 });\n`,
  );
  const children = [spawn(process.execPath, [program], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })];
  try {
    const series = 'gearshift_attempts_total{operation="top-k",device="cpu",outcome="success"}';
    await until(`a scrape with ${series} 7`, async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return text.includes(`${series} 7`);
    });
    if (spawnSync('prometheus', ['--version']).status !== 0) return;
    const config = join(folder, 'prometheus.yml');
    const target = JSON.stringify({ job_name: 'gearshift', static_configs: [{ targets: [`127.0.0.1:${port}`] }] });
    writeFileSync(config, `global: { scrape_interval: 500ms, scrape_timeout: 500ms }\nscrape_configs: [${target}]\n`);
    const ownPort = await freePort();
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${folder}/tsdb`,
      `--web.listen-address=127.0.0.1:${ownPort}`,
    ];
    children.push(spawn('prometheus', args, { cwd: folder, stdio: 'ignore' }));
    await until('what Prometheus has', async () => {
      const asked = await fetch(`http://127.0.0.1:${ownPort}/api/v1/query?query=${encodeURIComponent(series)}`);
      const { data } = await asked.json();
      return data.result[0]?.value[1] === '7';
    });
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

async function until(what, holds) {
  for (const endMs = Date.now() + PATIENCE_MS; ; await setTimeout(100)) {
    if (await holds().catch(() => false)) return;
    if (Date.now() > endMs) throw new Error(`${what} did not come within ${PATIENCE_MS / 1000} s`);
  }
}
