import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the repository. */
export const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** The manifest of the repository itself. */
export function readRootManifest() {
  return readManifest(ROOT);
}

/**
 * Every project of the workspace, in a fixed order.
 *
 * @returns {{ folder: string, manifest: any }[]} `folder` is relative to the root, with forward slashes
 */
export function listProjects() {
  return ['packages', 'tools'].flatMap((group) =>
    readdirSync(join(ROOT, group))
      .sort()
      .map((name) => `${group}/${name}`)
      .filter((folder) => existsSync(join(ROOT, folder, 'package.json')))
      .map((folder) => ({ folder, manifest: readManifest(join(ROOT, folder)) })),
  );
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}
