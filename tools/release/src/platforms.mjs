/**
 * The platforms for which addons can be built, with their machines of GitHub Actions. The name of a platform consists of
 * `process.platform`, `process.arch` and the C library, as in the loaders.
 *
 * @type {Record<string, { text: string, runner: string, container?: string, addons: ('cpu' | 'cuda')[] }>} `text` ends the sentence "for
 *   ..."; `container`: an image in which it is built, for its C library
 */
export const PLATFORMS = {
  'linux-x64-gnu': {
    text: 'Linux on x64 with glibc 2.17 or later',
    runner: 'ubuntu-22.04',
    addons: ['cpu', 'cuda'],
  },
  'linux-arm64-gnu': {
    text: 'Linux on arm64 with glibc 2.17 or later',
    runner: 'ubuntu-22.04-arm',
    addons: ['cpu', 'cuda'],
  },
  'linux-x64-musl': {
    text: 'Linux on x64 with musl',
    runner: 'ubuntu-24.04',
    container: 'node:22-alpine',
    addons: ['cpu'],
  },
  'linux-arm64-musl': {
    text: 'Linux on arm64 with musl',
    runner: 'ubuntu-24.04-arm',
    container: 'node:22-alpine',
    addons: ['cpu'],
  },
  'darwin-arm64': { text: 'macOS on Apple silicon', runner: 'macos-15', addons: ['cpu'] },
  'darwin-x64': { text: 'macOS on x64', runner: 'macos-15-intel', addons: ['cpu'] },
  'win32-x64': { text: 'Windows on x64', runner: 'windows-2025', addons: ['cpu', 'cuda'] },
};
