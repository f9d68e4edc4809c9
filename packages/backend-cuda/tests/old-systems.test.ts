import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readElfNeeds } from '@gearshift/vitest-config/elf-needs';
import { expect, test } from 'vitest';

/*
 * Ubuntu 20.04 has glibc 2.31, Debian 11 2.31, Amazon Linux 2023 2.34 and RHEL 8 2.28: an addon that needs a newer one does
 * not load there, and TypeScript runs instead. native-kit/native/old-glibc.cmake links the addon so that it needs 2.17.
 */

const LEAST_GLIBC = 17; // 2.17
const PLATFORM = `${process.platform}-${process.arch}-gnu`;
const addon = fileURLToPath(new URL(`../prebuilds/${PLATFORM}/gearshift-cuda.node`, import.meta.url));
const isBuilt = existsSync(addon);

test.skipIf(!isBuilt)(
  `the CUDA addon loads on glibc 2.${LEAST_GLIBC} and later${isBuilt ? '' : ' (skipped: not built for Linux with glibc)'}`,
  () => {
    const { libraries, undefinedSymbols, versions } = readElfNeeds(addon);
    expect(libraries).toEqual(['libc.so.6']);
    expect(versions.filter((version) => !isOldEnough(version))).toEqual([]);
    // Without a version a symbol must come from Node: the program that links the addon does not know what a libc defines.
    const unknown = undefinedSymbols.filter(({ name, version }) => version === null && !/^(napi|node_api)_/.test(name));
    expect(unknown.map(({ name }) => name)).toEqual([]);
    expect(undefinedSymbols.length).toBeGreaterThan(20);
  },
);

function isOldEnough(version: string): boolean {
  const minor = /^GLIBC_2\.(\d+)(\.\d+)?$/.exec(version)?.[1];
  return minor !== undefined && Number(minor) <= LEAST_GLIBC;
}
