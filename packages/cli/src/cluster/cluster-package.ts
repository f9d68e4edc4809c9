import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../user-error.js';

/** Not a dependency: most users have one machine. A name in a variable, because the package need not be there. */
const PACKAGE = '@gearshift/backend-cluster' as string;

/** The connection of `@gearshift/backend-cluster`, as far as commands use it themselves. */
export interface ClusterConnection {
  readonly connected: boolean;
  send(subject: string, data: Uint8Array): void;
  watch(
    subject: string,
    options: { readonly queue?: string },
    handler: (message: { readonly data: Uint8Array }) => void,
  ): () => void;
  onConnection(listener: (connected: boolean) => void): () => void;
  close(): Promise<void>;
}

export interface ConnectionSettings {
  readonly servers: readonly string[];
  readonly name: string;
  readonly credentials?: { readonly nkeyFile: string };
  readonly tls: { readonly caFile: string; readonly certFile?: string; readonly keyFile?: string } | false;
}

export interface WorkerSettings {
  readonly transport: ClusterConnection;
  readonly name: string;
  readonly worker: string;
  readonly dataRoot: string | undefined;
  readonly maxBytes: number | undefined;
  readonly threads: number | undefined;
}

/** What a worker says of itself. */
export interface WorkerState {
  readonly isDraining: boolean;
  readonly freeBytes: number;
  readonly maxBytes: number;
  readonly underWay: number;
  readonly profile: string;
  readonly shards: readonly HeldShard[];
}

export interface HeldShard {
  readonly key: string;
  readonly generation: number;
  readonly shard: number;
  readonly shards: number;
  readonly rows: number;
  readonly start: number;
  readonly end: number;
  /** Workers that are to hold it. Not in every version. */
  readonly copies?: number | undefined;
}

export interface RunningWorker {
  describe(): WorkerState;
  /** Shards that it was asked to hold and does not hold yet. Not in every version. */
  readonly loading?: number | undefined;
  drain(): Promise<void>;
}

/** Files below the data root of the workers, with the rows of a matrix one after the other. */
export interface FilesOnWorkers {
  readonly files: readonly string[];
  readonly rows: number;
  readonly dimensions: number;
  readonly dtype?: string | undefined;
  readonly scale?: number | undefined;
}

export interface BackendSettings {
  readonly transport: ClusterConnection;
  readonly name: string;
  readonly replicas?: number | undefined;
  readonly shards?: number | undefined;
  readonly leastWorkers: number;
  readonly discoverMs: number;
}

type Outcome<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: { readonly message: string } };

/** The backend, as far as commands use it. */
export interface Coordinator {
  /** Matrices that workers load by themselves. Not in every version. */
  readonly placed?: {
    place(
      matrix: string,
      source: FilesOnWorkers,
    ): Promise<Outcome<{ readonly version: number; readonly rows: number; readonly dimensions: number }>>;
  };
  close(): Promise<void>;
}

export interface PermissionSettings {
  readonly name: string;
  readonly coordinators: readonly string[];
  readonly workers: readonly { readonly name: string; readonly publicKey: string }[];
}

/** What the commands use of the package. */
export interface ClusterPackage {
  connectNats(settings: ConnectionSettings): Promise<ClusterConnection>;
  createClusterWorker(settings: WorkerSettings): Promise<RunningWorker>;
  createClusterBackend(settings: BackendSettings): Promise<Outcome<Coordinator>>;
  createNkey(): { readonly publicKey: string; readonly seed: string };
  natsPermissions(settings: PermissionSettings): string;
}

/**
 * Loads the package if it is installed.
 *
 * @param command the one that needs it, for the message
 * @throws UserError that says how to install it, or that it is too old
 */
export async function loadClusterPackage<Name extends keyof ClusterPackage>(
  command: string,
  ...names: readonly Name[]
): Promise<Pick<ClusterPackage, Name>> {
  const loaded = await importPackage();
  if (loaded === undefined) {
    throw new UserError(`gearshift ${command} needs the package ${PACKAGE}: npm install ${PACKAGE}`);
  }
  const lacking = names.find((name) => typeof loaded[name] !== 'function');
  if (lacking === undefined) return loaded as ClusterPackage;
  throw new UserError(`gearshift ${command} needs another version of ${PACKAGE}: this one has no ${lacking}`);
}

/** From where this package is, and from the current folder, because package managers keep packages apart. */
async function importPackage(): Promise<Partial<ClusterPackage> | undefined> {
  try {
    return (await import(PACKAGE)) as Partial<ClusterPackage>;
  } catch (error) {
    if (!isMissing(error, 'ERR_MODULE_NOT_FOUND')) throw error;
  }
  let path: string;
  try {
    path = createRequire(join(process.cwd(), 'package.json')).resolve(PACKAGE);
  } catch (error) {
    if (!isMissing(error, 'MODULE_NOT_FOUND')) throw error;
    return undefined;
  }
  return (await import(pathToFileURL(path).href)) as Partial<ClusterPackage>;
}

/** The package itself, and not one that it depends on. */
function isMissing(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code && error.message.includes(`'${PACKAGE}'`);
}
