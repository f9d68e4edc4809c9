import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Backend, BackendError, Result } from '@gearshift/contracts';

/** Packages that a user installs by choice, and the function of each that makes the backend. */
export const OPTIONAL_PACKAGES = {
  cuda: { packageName: '@gearshift/backend-cuda', factory: 'createCudaBackend', isPlanned: false },
  webgpu: { packageName: '@gearshift/backend-webgpu', factory: 'createWebGpuBackend', isPlanned: true },
} as const;

type BackendFactory = () => Promise<Result<Backend, BackendError>>;

export type OpenedBackend =
  | { readonly backend: Backend }
  | { readonly backend: null; readonly status: 'not-installed' | 'failed'; readonly reason: string };

/**
 * Opens a GPU backend where its package is installed. Looking it up loads nothing; the package is imported only when it
 * is there, so that a program without it pays for one failed look-up.
 *
 * @param from where the package is looked up, as a file URL.
 */
export async function openOptionalBackend(name: keyof typeof OPTIONAL_PACKAGES, from: string): Promise<OpenedBackend> {
  const { packageName, factory, isPlanned } = OPTIONAL_PACKAGES[name];
  const path = resolvePackage(packageName, from);
  if (path === undefined) {
    const remedy = isPlanned ? 'it is planned, and not published yet' : `npm install ${packageName}`;
    const reason = `the package ${packageName} is not installed (${remedy})`;
    return { backend: null, status: 'not-installed', reason };
  }
  try {
    const exports = (await import(pathToFileURL(path).href)) as Partial<Record<string, BackendFactory>>;
    const create = exports[factory];
    if (typeof create !== 'function') return failed(`${packageName} has no function ${factory}`);
    const made = await create();
    return made.ok ? { backend: made.value } : failed(made.error.message);
  } catch (thrown) {
    return failed(`${packageName} did not load: ${thrown instanceof Error ? thrown.message : typeof thrown}`);
  }
}

function resolvePackage(packageName: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(packageName);
  } catch {
    return undefined;
  }
}

function failed(reason: string): OpenedBackend {
  return { backend: null, status: 'failed', reason };
}
