import { existsSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { findDriver, type DriverFiles, type DriverName } from './driver-files.js';
import { VulkanFaults } from './vulkan-faults.js';

export interface SoftwareDriver<Faults extends VulkanFaults | null = VulkanFaults | null> {
  readonly lacks: null;
  readonly name: DriverName;
  /** The variables for a child process: `{ ...process.env, ...driver.env }`. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Makes this process use the driver. Call it on the main thread before Dawn is started. A process has one driver: a second one
   * throws.
   */
  load(): void;
  readonly faults: Faults;
}

export interface MissingDriver {
  /** What the machine lacks, as a part of a sentence after "needs". */
  readonly lacks: string;
}

const LAYER_MANIFEST = fileURLToPath(new URL('../prebuilds/vulkan_faults_icd.json', import.meta.url));
/** Not among Node's constants. */
const RTLD_NODELETE = 0x1000;

/** The Vulkan loader of this process is loaded once, with its driver. */
let loaded: SoftwareDriver | null = null;

/**
 * A GPU in software, for programs that use Vulkan. With `faults` the fault layer stands in front of it, with a control file of its own.
 */
export function softwareDriver(
  name: DriverName,
  options: { readonly faults: true },
): SoftwareDriver<VulkanFaults> | MissingDriver;
export function softwareDriver(
  name: DriverName,
  options?: { readonly faults?: false },
): SoftwareDriver<null> | MissingDriver;
export function softwareDriver(
  name: DriverName,
  options: { readonly faults?: boolean } = {},
): SoftwareDriver | MissingDriver {
  const files = findDriver(name);
  if (files.lacks !== null) return files;
  // Dawn refuses the lavapipe of Debian 12 for features that the layer claims.
  const needsLayer = options.faults === true || name === 'lavapipe';
  if (needsLayer && !existsSync(LAYER_MANIFEST)) {
    return { lacks: 'the fault layer, which a C++ compiler and CMake build' };
  }
  const faults = options.faults === true ? new VulkanFaults() : null;
  const variables = describeEnvironment(files, needsLayer, faults);
  const driver: SoftwareDriver = {
    lacks: null,
    name,
    faults,
    env: isAbsolute(files.loader)
      ? { ...variables, LD_LIBRARY_PATH: joinPath(dirname(files.loader), process.env['LD_LIBRARY_PATH']) }
      : variables,
    load() {
      if (loaded === driver) return;
      if (loaded !== null) throw new Error(`this process uses ${loaded.name} already; start another one for ${name}`);
      if (!isMainThread) throw new Error('a Vulkan driver is loaded on the main thread only');
      Object.assign(process.env, variables);
      keepLibrary(files.loader);
      loaded = driver;
    },
  };
  return driver;
}

function describeEnvironment(
  files: DriverFiles,
  needsLayer: boolean,
  faults: VulkanFaults | null,
): Record<string, string> {
  const manifest = needsLayer ? LAYER_MANIFEST : files.manifest;
  return {
    VK_DRIVER_FILES: manifest,
    // The older name, for loaders that do not know the new one.
    VK_ICD_FILENAMES: manifest,
    // Mesa installs one that looks for a display.
    VK_LOADER_LAYERS_DISABLE: '~implicit~',
    XDG_RUNTIME_DIR: process.env['XDG_RUNTIME_DIR'] ?? tmpdir(),
    ...(needsLayer ? { GEARSHIFT_VULKAN_DRIVER: files.library } : {}),
    ...(faults === null ? {} : { GEARSHIFT_VULKAN_FAULTS: faults.path }),
  };
}

function joinPath(folder: string, others: string | undefined): string {
  return others === undefined || others === '' ? folder : `${folder}:${others}`;
}

/**
 * Loads a library that is no addon. Dawn asks the system for libvulkan.so.1 later and gets the one that is loaded already: the search
 * path of a running process cannot be changed.
 */
function keepLibrary(path: string): void {
  try {
    // Without this flag Node unloads what turns out to be no addon.
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (error) {
    // Thrown for every library that is no addon, after it was loaded.
    if (error instanceof Error && error.message.includes('self-register')) return;
    throw error;
  }
}
