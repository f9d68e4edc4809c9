import { readdirSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';

/** The machine data for comparing two runs. Caches and CPU features are known only on Linux; elsewhere they are empty. */
export function describeMachine() {
  const processors = cpus();
  return {
    cpuModel: processors[0]?.model.trim() ?? 'unknown',
    logicalCpus: processors.length,
    usableCpus: availableParallelism(),
    threadsPerCore: readThreadsPerCore(),
    cpuFeatures: readCpuFeatures(),
    caches: readCaches(),
    memoryBytes: totalmem(),
    platform: platform(),
    arch: arch(),
    kernel: release(),
    loadAverage1Min: loadavg()[0],
  };
}

/**
 * The kind of CPU that a result is of, which is part of its file's name: results of one kind say nothing of another.
 *
 * @param {readonly string[]} features as in `describeMachine().cpuFeatures`
 */
export function kindOfCpu(features) {
  const marks = { amx_int8: 'amx', avx512f: 'avx512', avx2: 'avx2', sve: 'sve', asimd: 'neon' };
  const mark = Object.keys(marks).find((feature) => features.includes(feature));
  return mark === undefined ? 'other' : marks[mark];
}

const CPU_FOLDER = '/sys/devices/system/cpu/cpu0';

function readCaches() {
  return listFolder(`${CPU_FOLDER}/cache`)
    .filter((entry) => entry.startsWith('index'))
    .map((entry) => {
      const field = (name) => readText(`${CPU_FOLDER}/cache/${entry}/${name}`);
      return {
        level: Number(field('level')),
        type: field('type'),
        size: field('size'),
        sharedBy: field('shared_cpu_list'),
      };
    });
}

function readThreadsPerCore() {
  const siblings = readText(`${CPU_FOLDER}/topology/thread_siblings_list`);
  if (siblings === '') return null;
  return siblings.split(',').reduce((count, part) => {
    const [first, last = first] = part.split('-').map(Number);
    return count + last - first + 1;
  }, 0);
}

/** The features that decide which kernels run. */
function readCpuFeatures() {
  const known = [
    'avx2',
    'fma',
    'avx512f',
    'avx512bw',
    'avx512dq',
    'avx512vl',
    'avx512_vnni',
    'amx_int8',
    'asimd',
    'sve',
  ];
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readText('/proc/cpuinfo'))?.[1] ?? '';
  const present = new Set(line.split(/\s+/));
  return known.filter((feature) => present.has(feature));
}

function listFolder(path) {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
