import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { importConsumer } from './consumers.mjs';

/** Two executors, because a warning must not come twice. */
const PROGRAM = `import { createExecutor } from 'gearshift';
run();
async function run() {
  const executors = [await createExecutor(), await createExecutor()];
  const { description } = executors[0].describe().backends.find(({ name }) => name === 'cpu');
  const matrix = await executors[0].matrix(new Float32Array([1, 0, 0, 1, 0.6, 0.8]), { dimensions: 2 });
  const { indices } = await executors[0].topK([0, 1], matrix, { k: 2 });
  console.log(JSON.stringify([[...indices], description.source, description.limitations.length > 0]));
  for (const executor of executors) await executor.close();
}\n`;

/** Each bundler and format: the file that it writes into a folder, and how. Every dependency becomes part of the bundle. */
const BUNDLES = [
  ['esbuild, ES module', 'bundle.mjs', (input, file) => buildWithEsbuild(input, file, 'esm')],
  ['esbuild, CommonJS', 'bundle.cjs', (input, file) => buildWithEsbuild(input, file, 'cjs')],
  ['webpack, CommonJS', 'bundle.cjs', (input, file) => buildWithWebpack(input, file, {})],
  [
    'webpack, ES module',
    'bundle.mjs',
    (input, file) =>
      buildWithWebpack(input, file, {
        experiments: { outputModule: true },
        output: { module: true, chunkFormat: 'module', library: { type: 'module' } },
      }),
  ],
  ['Rollup, ES module', 'bundle.mjs', (input, file) => buildWithRollup(input, file, 'esm')],
  ['Rollup, CommonJS', 'bundle.cjs', (input, file) => buildWithRollup(input, file, 'cjs')],
  ['Vite SSR', 'bundle.mjs', buildWithVite],
];

/**
 * Bundles a program with each bundler, and runs it next to the packages, moved to a folder without them, and moved together with the addon.
 *
 * @param {string} folder where the packages are installed
 * @param {string | undefined} addon the installed addon; undefined if none was built on this machine
 */
export async function checkBundlers(folder, addon) {
  const input = join(folder, 'to-bundle.mjs');
  writeFileSync(input, PROGRAM);
  const built = [];
  for (const [name, file, build] of BUNDLES) {
    const path = join(folder, name.replaceAll(/\W+/g, '-'), file);
    await build(input, path).catch((error) => {
      throw new Error(`${name} does not build: ${error.message}`);
    });
    expectRun(name, path, addon === undefined ? 'portable' : 'prebuilt');
    built.push({ name, path });
  }
  const modules = join(folder, 'node_modules');
  const hidden = join(folder, 'hidden');
  // webpack writes the paths of its sources into a bundle, which must not help on another machine.
  renameSync(modules, hidden);
  try {
    for (const { name, path } of built) {
      const place = join(folder, 'moved', basename(dirname(path)));
      cpSync(dirname(path), place, { recursive: true });
      const moved = join(place, basename(path));
      expectRun(`${name}, moved`, moved, 'portable');
      if (addon === undefined) continue;
      copyFileSync(join(hidden, addon), join(place, basename(addon)));
      expectRun(`${name}, moved with the addon`, moved, 'prebuilt');
    }
  } finally {
    renameSync(hidden, modules);
    rmSync(join(folder, 'moved'), { recursive: true, force: true });
  }
}

function expectRun(name, file, wantedSource) {
  const env = { ...process.env };
  delete env['GEARSHIFT_NO_WARNINGS'];
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', env });
  const expected = JSON.stringify([[1, 2], wantedSource, wantedSource === 'portable']);
  if (stdout.trim() !== expected) throw new Error(`${name}: expected ${expected}, got ${stdout}${stderr}`);
  const warnings = stderr.split('[GEARSHIFT_ADDON_MISSING]').length - 1;
  const wantedWarnings = wantedSource === 'portable' ? 1 : 0;
  if (warnings !== wantedWarnings || (wantedWarnings === 0 && stderr !== '')) {
    throw new Error(`${name}: expected ${wantedWarnings} warnings, got ${stderr}`);
  }
  const silent = spawnSync(process.execPath, [file], { encoding: 'utf8', env: { ...env, GEARSHIFT_NO_WARNINGS: '1' } });
  if (silent.stderr !== '') throw new Error(`${name}: expected no warning, got ${silent.stderr}`);
}

async function buildWithEsbuild(input, outfile, format) {
  const { build } = await importConsumer('esbuild');
  await build({ entryPoints: [input], outfile, bundle: true, platform: 'node', format, logLevel: 'silent' });
}

async function buildWithWebpack(input, file, { output, ...settings }) {
  const { default: webpack } = await importConsumer('webpack');
  const config = {
    mode: 'production',
    target: 'node',
    context: dirname(input),
    entry: input,
    output: { path: dirname(file), filename: basename(file), ...output },
    ...settings,
  };
  await new Promise((resolve, reject) => {
    webpack(config, (error, stats) => {
      if (error !== null) reject(error);
      else if (stats.hasErrors() || stats.hasWarnings()) {
        reject(new Error(stats.toString({ all: false, errors: true, warnings: true })));
      } else resolve();
    });
  });
}

async function buildWithRollup(input, file, format) {
  const { rollup } = await importConsumer('rollup');
  const { nodeResolve } = await importConsumer('@rollup/plugin-node-resolve');
  const bundle = await rollup({ input, plugins: [nodeResolve({ preferBuiltins: true })] });
  await bundle.write({ file, format, inlineDynamicImports: true });
  await bundle.close();
}

async function buildWithVite(input, file) {
  const { build } = await importConsumer('vite');
  mkdirSync(dirname(file), { recursive: true });
  await build({
    root: dirname(input),
    configFile: false,
    logLevel: 'silent',
    ssr: { noExternal: true },
    build: { ssr: input, outDir: dirname(file), rolldownOptions: { output: { entryFileNames: basename(file) } } },
  });
}
