import { pathToFileURL } from 'node:url';
import type { Backend, BackendError, Result } from '@gearshift/contracts';
import { isError, resolveFrom, searchPlaces } from '@gearshift/contracts/internal';

/** Packages that users may install, and the function in each that creates the backend. */
export const OPTIONAL_PACKAGES = {
  cuda: { packageName: '@gearshift/backend-cuda', factory: 'createCudaBackend' },
  webgpu: { packageName: '@gearshift/backend-webgpu', factory: 'createWebGpuBackend' },
} as const;

type BackendFactory = () => Promise<Result<Backend, BackendError>>;

export type OpenedBackend =
  | { readonly backend: Backend }
  | { readonly backend: null; readonly status: 'not-installed' | 'failed'; readonly reason: string };

/**
 * Opens a GPU backend if its package is installed. Resolving the package loads nothing, so a program without it pays only
 * for one failed resolution.
 *
 * @param from file URL from which the package is resolved first
 * @throws the error of a wrong `GEARSHIFT_CUDA_ADDON`: a mistake in the settings, and no reason to run elsewhere
 */
export async function openOptionalBackend(
  name: keyof typeof OPTIONAL_PACKAGES,
  from: string | undefined,
): Promise<OpenedBackend> {
  const { packageName, factory } = OPTIONAL_PACKAGES[name];
  const path = resolveFrom(searchPlaces(from), packageName);
  if (path === undefined) {
    const reason = `the package ${packageName} is not installed (npm install ${packageName})`;
    return { backend: null, status: 'not-installed', reason };
  }
  try {
    const exports = (await import(/* webpackIgnore: true */ /* @vite-ignore */ pathToFileURL(path).href)) as Partial<
      Record<string, BackendFactory>
    >;
    const create = exports[factory];
    if (typeof create !== 'function') return failed(`${packageName} has no function ${factory}`);
    const made = await create();
    return made.ok ? { backend: made.value } : failed(made.error.message);
  } catch (thrown) {
    if (isAddonPathError(thrown)) throw thrown;
    return failed(`${packageName} did not load: ${isError(thrown, 'Error') ? thrown.message : typeof thrown}`);
  }
}

/** By its code, because the package may have its own copy of the class. */
function isAddonPathError(thrown: unknown): boolean {
  return isError(thrown, 'Error') && 'code' in thrown && thrown.code === 'ERR_GEARSHIFT_ADDON_PATH';
}

function failed(reason: string): OpenedBackend {
  return { backend: null, status: 'failed', reason };
}
