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
  const known = ['avx2', 'fma', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'amx_bf16', 'asimd', 'sve'];
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
