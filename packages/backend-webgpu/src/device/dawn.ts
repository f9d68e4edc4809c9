import { createRequire } from 'node:module';

/**
 * The entry to Dawn by its flags. Once such an object is garbage collected while a device of it lives, the process hangs or crashes, so that
 * they stay for the life of the process.
 */
const entries = new Map<string, GPU>();

/**
 * Dawn, WebGPU outside of browsers. An entry sees the drivers that there are when it is first asked for a GPU.
 *
 * @param drivers which these are: entries that see others are other ones
 * @throws Error when the package `webgpu` is not installed, or has no binary for this system
 */
export async function openDawn(flags: readonly string[], drivers: string): Promise<GPU> {
  const key = [...flags, drivers].join('\n');
  let entry = entries.get(key);
  if (entry === undefined) {
    const { create } = await import('webgpu');
    entry = create([...flags]);
    entries.set(key, entry);
  }
  return entry;
}

/**
 * Whether there is a loader for drivers of Vulkan, which Dawn needs on Linux. Dawn itself prints a warning without one.
 *
 * @returns why there is none, if so
 */
export function lacksVulkanLoader(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // It loads the library and then finds that it is no addon.
    process.dlopen({ exports: {} }, VULKAN_LOADER);
  } catch (thrown) {
    const { message } = thrown as Error;
    if (message.includes('cannot open shared object file')) return `no Vulkan: ${message}`;
  }
  return undefined;
}

const VULKAN_LOADER = 'libvulkan.so.1';

/** Version of the package `webgpu`, or an empty string. */
export function dawnVersion(): string {
  try {
    const require = createRequire(import.meta.url);
    const { version } = require('webgpu/package.json') as { readonly version: string };
    return version;
  } catch {
    return '';
  }
}
