import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes a copy of every declaration file of a package for CommonJS, `index.d.cts` beside `index.d.ts`.
 *
 * The code is ES modules, which CommonJS can require from Node.js 20.19 on. TypeScript's resolution `node16` does not know that, and
 * refuses to import the declarations of an ES module in a CommonJS file.
 *
 * @param {string} folder of the package, after its build
 */
export function writeCommonJsTypes(folder) {
  const dist = join(folder, 'dist');
  if (!existsSync(dist)) return;
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.d.ts')) continue;
    const text = readFileSync(join(dist, file), 'utf8');
    writeFileSync(
      join(dist, file.replace(/\.ts$/, '.cts')),
      text.replaceAll(/(['"]\.{1,2}\/[^'"]*)\.js(['"])/g, '$1.cjs$2'),
    );
  }
}
