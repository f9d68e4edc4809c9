import { readMetadata, withMetadata } from './package-metadata.mjs';
import { PLATFORMS } from './platforms.mjs';

/**
 * The files of a platform package, which holds one native addon and no code.
 *
 * @param {'cpu' | 'cuda'} addon
 * @param {string} platform a key of {@link PLATFORMS}
 * @param {string} version that of its loader
 * @returns {{ name: string, files: Record<string, string> }} contents by file name, as formatted in this repository
 */
export function platformPackage(addon, platform, version) {
  const { text } = PLATFORMS[platform];
  const [os, cpu, libc] = platform.split('-');
  const loader = `@gearshift/backend-${addon}`;
  const name = `${loader}-${platform}`;
  const file = `gearshift-${addon}.node`;
  const kind = addon.toUpperCase();
  const manifest = {
    name,
    version,
    description: `The ${kind} addon of Gearshift for ${text}`,
    license: 'Apache-2.0',
    type: 'commonjs',
    engines: { node: '>=20.19' },
    exports: { './package.json': './package.json', [`./${file}`]: `./${file}` },
    files: [file],
    preferUnplugged: true,
    publishConfig: {
      access: 'public',
      os: [os],
      cpu: [cpu],
      ...(libc === undefined ? {} : { libc: [libc === 'gnu' ? 'glibc' : libc] }),
    },
    nx: {
      tags: ['layer:platform'],
      targets: {
        build: {
          command: 'node copy-addon.mjs',
          options: { cwd: '{projectRoot}' },
          dependsOn: [{ projects: [loader], target: 'build-native' }],
          inputs: [
            '{projectRoot}/copy-addon.mjs',
            '{projectRoot}/package.json',
            { dependentTasksOutputFiles: '**/*.node' },
          ],
          outputs: [`{projectRoot}/${file}`],
          cache: true,
        },
      },
    },
  };
  const copyAddon = `// Takes over the addon that \`build-native\` of ${loader} made, where it was made for this package's platform.
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../backend-${addon}/prebuilds/${platform}/${file}', import.meta.url));
const target = fileURLToPath(new URL('${file}', import.meta.url));
rmSync(target, { force: true });
if (existsSync(built)) copyFileSync(built, target);
else console.log('There is no addon for ${platform} to take over: it was not built on this machine.');
`;
  const readme = `# ${name}

The compiled addon of [\`${loader}\`](https://www.npmjs.com/package/${loader}) for ${text}. npm installs it by
itself as an optional dependency; there is nothing to import from it.
`;
  const files = {
    'package.json': `${JSON.stringify(withMetadata(manifest, `packages/backend-${addon}-${platform}`, readMetadata()), null, 2)}\n`,
    'copy-addon.mjs': copyAddon,
    'README.md': readme,
  };
  return { name, files };
}
