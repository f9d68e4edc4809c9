import { AFTER_SETTING, missingMetadata } from './package-metadata.mjs';
import { ADDON, installScripts, unlistedFiles } from './package-rules.mjs';

/**
 * Why packed packages must not be published, as messages; none when they may.
 *
 * @param {readonly { name: string, isPlatform: boolean, files: string[], manifest: any }[]} packed
 * @param {import('./package-metadata.mjs').Metadata} metadata
 * @returns {string[]}
 */
export function publishProblems(packed, metadata) {
  return [
    ...missingMetadata(metadata).map((problem) => `${problem}, ${AFTER_SETTING}`),
    ...packed.flatMap((entry) => [
      ...(entry.manifest.version === '0.0.0' ? [`${entry.name} has no version: run changeset version`] : []),
      ...(entry.isPlatform && !entry.files.some((file) => ADDON.test(file)) ? [`${entry.name} lacks its addon`] : []),
      ...unlistedFiles(entry).map((file) => `${entry.name} contains ${file}`),
      ...installScripts(entry).map((script) => `${entry.name} runs ${script}`),
    ]),
  ];
}
