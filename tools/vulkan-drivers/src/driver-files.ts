import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export type DriverName = 'swiftshader' | 'lavapipe';

export interface DriverFiles {
  readonly lacks: null;
  /** The file that tells the Vulkan loader about the driver. */
  readonly manifest: string;
  /** The driver itself, as its manifest names it. */
  readonly library: string;
  /** libvulkan.so.1: an absolute path, or the plain name of an installed one. */
  readonly loader: string;
}

/** Set-up puts SwiftShader here: see fetch/fetch-swiftshader.mjs. */
const SWIFTSHADER = fileURLToPath(new URL('../build/swiftshader', import.meta.url));
const INSTALLED = '/usr/share/vulkan/icd.d';

/** The files of a driver, or what the machine lacks for it, as a part of a sentence after "needs". */
export function findDriver(name: DriverName): DriverFiles | { readonly lacks: string } {
  if (process.platform !== 'linux') return { lacks: 'Linux' };
  return name === 'swiftshader' ? findSwiftshader() : findLavapipe();
}

function findSwiftshader(): DriverFiles | { lacks: string } {
  const record = join(SWIFTSHADER, 'record.json');
  if (!existsSync(record)) return { lacks: 'SwiftShader, which the set-up of npm test fetches' };
  const { lacks } = JSON.parse(readFileSync(record, 'utf8')) as { lacks?: string };
  if (lacks !== undefined) return { lacks: `SwiftShader: ${lacks}` };
  return describe(join(SWIFTSHADER, 'vk_swiftshader_icd.json'), join(SWIFTSHADER, 'libvulkan.so.1'));
}

function findLavapipe(): DriverFiles | { lacks: string } {
  const manifests = existsSync(INSTALLED)
    ? readdirSync(INSTALLED).filter((name) => /^lvp_icd\..*json$/.test(name))
    : [];
  // A machine may have drivers for several architectures; older and newer versions of Mesa have no architecture in the name.
  const architecture = process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch;
  const manifest =
    manifests.find((name) => name.includes(architecture)) ?? manifests.find((name) => name === 'lvp_icd.json');
  if (manifest === undefined) return { lacks: 'lavapipe: apt-get install mesa-vulkan-drivers' };
  return describe(join(INSTALLED, manifest), 'libvulkan.so.1');
}

function describe(manifest: string, loader: string): DriverFiles {
  const { ICD } = JSON.parse(readFileSync(manifest, 'utf8')) as { ICD: { library_path: string } };
  const path = ICD.library_path;
  // A plain name is one for the dynamic linker.
  return { lacks: null, manifest, library: path.includes('/') ? resolve(dirname(manifest), path) : path, loader };
}
