import { cpus } from 'node:os';
import { ok, type BackendError, type Result, type SyncBackend } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requireInteger } from '@gearshift/contracts/internal';
import { describeBrokenPlaces, warnAboutMissingAddon, type LoadedAddon } from '@gearshift/native-kit';
import { MAX_THREADS, type CpuAddon } from './addon.js';
import { BACKEND_ID, failures } from './backend-errors.js';
import { chooseLevel, readLevel, type CpuLevel } from './cpu-level.js';
import { loadAddon } from './native.js';
import { NativeCpuBackend } from './native-backend.js';
import { PACKAGE_VERSION } from './package-version.js';
import { createPortableBackend } from './portable/portable-backend.js';

export interface CpuBackendOptions {
  /**
   * Run at exactly this instruction-set level; `'typescript'` is the implementation without the addon. Default: the best
   * level of the CPU that the environment variable `GEARSHIFT_CPU_LEVEL` allows.
   */
  readonly level?: CpuLevel | undefined;
  /** Threads that one request may use, at least 1. Default and maximum: the CPUs that this process may use. */
  readonly threads?: number | undefined;
  /**
   * Answer top-k requests that arrive while the same rows are being scanned with one further scan for all of them. Only for
   * requests that are too long to run on the caller's thread. Default true.
   */
  readonly coalesce?: boolean | undefined;
  /**
   * How many bytes the codes may take that are made automatically (`companion: 'auto'`), together with those that matrices ask for. 0:
   * none are made. Default: half of the memory that is free when codes are to be made.
   */
  readonly companionBytes?: number | undefined;
}

const OPTIONS = optionNames<CpuBackendOptions>({ level: true, threads: true, coalesce: true, companionBytes: true });

/**
 * The CPU as a backend. Without an addon it runs in TypeScript, many times slower: `describe().limitations` and one warning per process
 * (code `GEARSHIFT_ADDON_MISSING`, hidden by `GEARSHIFT_NO_WARNINGS=1`) say what was tried and how to change that.
 *
 * @returns kind `'unsupported'` when `level` is given and not available: no addon, or missing CPU features
 * @throws AddonPathError when `GEARSHIFT_CPU_ADDON` names a file that is not this addon
 * @throws RangeError when `level` or `GEARSHIFT_CPU_LEVEL` is not the name of a level, or `threads` is below 1
 */
export async function createCpuBackend(options: CpuBackendOptions = {}): Promise<Result<SyncBackend, BackendError>> {
  const given = readOptions('options', options, OPTIONS);
  const wanted = readLevel('level', given.level);
  const cap = wanted === undefined ? readLevel('GEARSHIFT_CPU_LEVEL', process.env['GEARSHIFT_CPU_LEVEL']) : undefined;
  const threads = given.threads === undefined ? MAX_THREADS : requireInteger('threads', given.threads, 1);
  const { coalesce = true } = given;
  if (typeof coalesce !== 'boolean') throw new TypeError(expected('coalesce', 'a boolean', coalesce));
  const { companionBytes } = given;
  if (companionBytes !== undefined && companionBytes !== Infinity) requireInteger('companionBytes', companionBytes, 0);

  if (wanted === 'typescript') return createPortableBackend();
  if (cap === 'typescript') {
    return createPortableBackend({ limitations: ['the addon is not used: GEARSHIFT_CPU_LEVEL is typescript'] });
  }
  const loaded = loadAddon();
  if (loaded.addon === null) {
    if (wanted !== undefined) return failures.of('unsupported', loaded.explanation);
    warnAboutMissingAddon('@gearshift/backend-cpu', loaded.explanation);
    return createPortableBackend({ limitations: loaded.explanation.split('\n') });
  }
  return createNativeBackend(loaded, wanted, cap, threads, coalesce, companionBytes);
}

function createNativeBackend(
  { addon, source, failures: loadFailures }: Extract<LoadedAddon<CpuAddon>, { source: string }>,
  wanted: CpuLevel | undefined,
  cap: CpuLevel | undefined,
  maxThreads: number,
  coalesce: boolean,
  companionBytes: number | undefined,
): Result<SyncBackend, BackendError> {
  const chosen = chooseLevel(addon.levels(), wanted, cap);
  if (!chosen.ok) return failures.of('unsupported', chosen.error);
  const { index, name, features, limitations } = chosen.value;
  const threads = Math.min(maxThreads, addon.threadLimit());
  return ok(
    new NativeCpuBackend({
      addon,
      level: index,
      threads,
      coalesce,
      companionBytes,
      description: {
        id: BACKEND_ID,
        kind: 'cpu',
        device: cpuModel(),
        version: PACKAGE_VERSION,
        source,
        level: name,
        features,
        threads,
        limitations: [...limitations, ...describeBrokenPlaces(loadFailures)],
      },
    }),
  );
}

/** Some ARM systems do not report CPU names. */
function cpuModel(): string {
  const model = cpus().at(0)?.model.trim();
  return model === undefined || model === '' || model === 'unknown' ? `${process.arch} CPU` : model;
}
