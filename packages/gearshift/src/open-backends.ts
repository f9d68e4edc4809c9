import { createCpuBackend, type CpuBackendOptions } from '@gearshift/backend-cpu';
import type { Backend, BackendDescription } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import type { BackendName, BackendStatus } from './executor.js';
import { openOptionalBackend, OPTIONAL_PACKAGES, type OpenedBackend } from './optional-backend.js';

/** GPUs first. One that is not installed costs a single failed resolution. */
const DEFAULT_BACKENDS: readonly BackendName[] = ['cuda', 'webgpu', 'cpu'];
const BACKEND_NAMES = ['cpu', ...Object.keys(OPTIONAL_PACKAGES)];

export interface BackendSet {
  /** In order of preference. */
  readonly backends: Backend[];
  /** The backends opened here, which the executor has to close. */
  readonly opened: Backend[];
  readonly statuses: BackendStatus[];
}

/**
 * Opens the backends given by name, and takes over the others as they are. A backend that cannot be opened is not an
 * error here: its status contains the reason.
 *
 * @param from file URL from which packages are resolved first
 * @throws TypeError or RangeError for an entry that is neither a known name nor a backend; an error with the code
 *   `ERR_GEARSHIFT_ADDON_PATH` when an environment variable names a wrong addon. Backends opened before are closed.
 */
export async function openBackends(
  wanted: readonly (Backend | BackendName)[] = DEFAULT_BACKENDS,
  cpuOptions: CpuBackendOptions,
  from: string | undefined,
): Promise<BackendSet> {
  checkWanted(wanted);
  const set: BackendSet = { backends: [], opened: [], statuses: [] };
  try {
    for (const entry of wanted) await addBackend(set, entry, cpuOptions, from);
  } catch (mistake) {
    await Promise.all(set.opened.map((backend) => backend.close()));
    throw mistake;
  }
  return set;
}

async function addBackend(
  { backends, opened, statuses }: BackendSet,
  entry: Backend | BackendName,
  cpuOptions: CpuBackendOptions,
  from: string | undefined,
): Promise<void> {
  if (typeof entry !== 'string') {
    backends.push(entry);
    statuses.push(ready(entry.id, entry.describe()));
    return;
  }
  const outcome = entry === 'cpu' ? await openCpu(cpuOptions) : await openOptionalBackend(entry, from);
  if (outcome.backend === null) {
    statuses.push({ name: entry, status: outcome.status, reason: outcome.reason, description: null });
    return;
  }
  backends.push(outcome.backend);
  opened.push(outcome.backend);
  statuses.push(ready(entry, outcome.backend.describe()));
}

async function openCpu(options: CpuBackendOptions): Promise<OpenedBackend> {
  const cpu = await createCpuBackend(options);
  return cpu.ok ? { backend: cpu.value } : { backend: null, status: 'failed', reason: cpu.error.message };
}

function ready(name: string, description: BackendDescription): BackendStatus {
  return { name, status: 'ready', reason: null, description };
}

function checkWanted(wanted: readonly (Backend | BackendName)[]): void {
  if (!Array.isArray(wanted)) throw new TypeError(expected('backends', 'an array of names or backends', wanted));
  if (wanted.length === 0) throw new RangeError('backends: expected at least one, got none');
  const entries = new Set<unknown>();
  for (const [index, entry] of (wanted as readonly unknown[]).entries()) {
    if (typeof entry === 'string' ? !BACKEND_NAMES.includes(entry) : !isBackend(entry)) {
      const error = typeof entry === 'string' ? RangeError : TypeError;
      throw new error(expected(`backends[${index}]`, `one of ${BACKEND_NAMES.join(', ')}, or a backend`, entry));
    }
    if (entries.has(entry)) {
      throw new RangeError(`backends[${index}]: '${isBackend(entry) ? entry.id : String(entry)}' is listed twice`);
    }
    entries.add(entry);
  }
}

/** Only tells a backend from other values; the dispatcher checks the rest. */
function isBackend(entry: unknown): entry is Backend {
  return typeof entry === 'object' && entry !== null && 'describe' in entry && typeof entry.describe === 'function';
}
