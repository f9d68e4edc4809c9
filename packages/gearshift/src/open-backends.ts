import { createCpuBackend } from '@gearshift/backend-cpu';
import type { Backend, BackendDescription } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import type { BackendName, BackendStatus } from './executor.js';
import { openOptionalBackend, OPTIONAL_PACKAGES, type OpenedBackend } from './optional-backend.js';

/** GPUs first: those that are not installed cost one look into `node_modules` each, once. */
const DEFAULT_BACKENDS: readonly BackendName[] = ['cuda', 'webgpu', 'cpu'];
const BACKEND_NAMES = ['cpu', ...Object.keys(OPTIONAL_PACKAGES)];

export interface BackendSet {
  /** In order of preference. */
  readonly backends: readonly Backend[];
  /** Those that were opened here and are to be closed again. */
  readonly opened: readonly Backend[];
  readonly statuses: readonly BackendStatus[];
}

/**
 * Opens the backends that are asked for by name, and takes those that are handed in. A name that cannot be had is no
 * failure here, but stands in the statuses with the reason.
 *
 * @param from where packages are looked up, as a file URL.
 * @throws TypeError or RangeError for an entry that is neither.
 */
export async function openBackends(
  wanted: readonly (Backend | BackendName)[] = DEFAULT_BACKENDS,
  threads: number | undefined,
  from: string,
): Promise<BackendSet> {
  checkWanted(wanted);
  const backends: Backend[] = [];
  const opened: Backend[] = [];
  const statuses: BackendStatus[] = [];
  for (const entry of wanted) {
    if (typeof entry !== 'string') {
      backends.push(entry);
      statuses.push(ready(entry.id, entry.describe()));
      continue;
    }
    const outcome = entry === 'cpu' ? await openCpu(threads) : await openOptionalBackend(entry, from);
    if (outcome.backend === null) {
      statuses.push({ name: entry, status: outcome.status, reason: outcome.reason, description: null });
      continue;
    }
    backends.push(outcome.backend);
    opened.push(outcome.backend);
    statuses.push(ready(entry, outcome.backend.describe()));
  }
  return { backends, opened, statuses };
}

async function openCpu(threads: number | undefined): Promise<OpenedBackend> {
  const cpu = await createCpuBackend({ threads });
  return cpu.ok ? { backend: cpu.value } : { backend: null, status: 'failed', reason: cpu.error.message };
}

function ready(name: string, description: BackendDescription): BackendStatus {
  return { name, status: 'ready', reason: null, description };
}

function checkWanted(wanted: readonly (Backend | BackendName)[]): void {
  if (!Array.isArray(wanted)) throw new TypeError(expected('backends', 'an array of names or backends', wanted));
  if (wanted.length === 0) throw new RangeError('backends: expected at least one, got none');
  const names = new Set<unknown>();
  for (const [index, entry] of (wanted as readonly unknown[]).entries()) {
    if (typeof entry === 'string' ? !BACKEND_NAMES.includes(entry) : !isBackend(entry)) {
      const error = typeof entry === 'string' ? RangeError : TypeError;
      throw new error(expected(`backends[${index}]`, `one of ${BACKEND_NAMES.join(', ')}, or a backend`, entry));
    }
    if (names.has(entry)) throw new RangeError(`backends[${index}]: expected each once, got it twice`);
    names.add(entry);
  }
}

/** Enough to tell that a backend is meant; the dispatcher checks the rest. */
function isBackend(entry: unknown): entry is Backend {
  return typeof entry === 'object' && entry !== null && 'describe' in entry && typeof entry.describe === 'function';
}
