// node fetch-swiftshader.mjs [FOLDER]
//
// Fetches SwiftShader, a Vulkan driver in software, and the Vulkan loader that belongs to it. Both come from Debian's package of
// Chromium, of which nothing is installed. Always succeeds: without the driver its tests are skipped.
import { fileURLToPath } from 'node:url';
import { fetchFiles } from '@gearshift/debian-package';

const NAMES = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];

fetchFiles({
  title: 'SwiftShader',
  package: 'chromium-common',
  paths: NAMES.map((name) => `./usr/lib/chromium/${name}`),
  folder: process.argv[2] ?? fileURLToPath(new URL('../build/swiftshader', import.meta.url)),
  debianOnly: true,
});
