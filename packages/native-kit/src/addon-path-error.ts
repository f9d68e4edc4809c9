import type { AddonPackage } from './addon-package.js';

/** The environment variable of an addon names a file that is not this addon. */
export class AddonPathError extends Error {
  override readonly name = 'AddonPathError';
  /** Tells the error from others in a process with several copies of this class. */
  readonly code = 'ERR_GEARSHIFT_ADDON_PATH';

  constructor({ title, overrideVariable }: AddonPackage, path: string, reason: string) {
    super(
      `${overrideVariable}: expected the path of a ${title} addon, got ${path}: ${reason}; to fix it, correct the path or unset ${overrideVariable}`,
    );
  }
}
