// Compiles the fault layer, and writes the manifest by which the Vulkan loader finds it. Linux only.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LIBRARY = 'libvulkan_faults.so';
const sources = fileURLToPath(new URL('.', import.meta.url));
const output = fileURLToPath(new URL('../prebuilds', import.meta.url));

rmSync(output, { recursive: true, force: true });
if (process.platform !== 'linux') {
  console.log('Not built: the fault layer for Vulkan runs on Linux.');
  process.exit(0);
}
mkdirSync(output, { recursive: true });
const files = readdirSync(sources).filter((name) => name.endsWith('.cc'));
const flags = ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Werror', '-fPIC', '-fvisibility=hidden', '-pthread'];
const target = join(output, LIBRARY);
const args = [...flags, '-shared', '-Wl,-z,defs', ...files, '-ldl', '-o', `${target}.new`];
const compilers = [process.env['CXX'], 'c++', 'g++', 'clang++'].filter((name) => name !== undefined && name !== '');
const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };
const compiler = compilers.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore', env }).status === 0);
const { status, error } = spawnSync(compiler ?? 'c++', args, { stdio: 'inherit', cwd: sources, env });
if (error !== undefined) console.error(`The C++ compiler did not start: ${error.message}`);
if (status !== 0) process.exit(status ?? 1);

// Replaced in one step: a process that has the old file mapped keeps it.
renameSync(`${target}.new`, target);
// The loader reports to a program the version of the driver behind the layer, and only checks the form of this one.
const manifest = { file_format_version: '1.0.0', ICD: { library_path: `./${LIBRARY}`, api_version: '1.3.0' } };
writeFileSync(join(output, 'vulkan_faults_icd.json'), `${JSON.stringify(manifest, null, 2)}\n`);
