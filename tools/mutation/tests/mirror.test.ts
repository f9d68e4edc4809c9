import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { createMirror } from '../src/mirror.mjs';

it('the mirror contains a copy of one package and links to everything else, and is removed completely', () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'gearshift-root-')));
  try {
    for (const file of [
      ...['docs/page.md', '.git/config', 'packages/thing/src/a.ts', 'packages/thing/tests/a.test.ts'],
      'packages/other/src/b.ts',
    ]) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), file);
    }
    mkdirSync(join(root, 'packages/thing/node_modules'));
    symlinkSync('../../other', join(root, 'packages/thing/node_modules/other'), 'junction');

    const { folder, config, remove } = createMirror(root, 'thing', ['tests/slow.test.ts']);
    writeFileSync(join(folder, 'src/a.ts'), 'mutated');
    expect(readFileSync(join(root, 'packages/thing/src/a.ts'), 'utf8')).toBe('packages/thing/src/a.ts');
    expect(realpathSync(join(folder, '../../docs/page.md'))).toBe(join(root, 'docs/page.md'));
    expect(realpathSync(join(folder, 'node_modules/other/src/b.ts'))).toBe(join(root, 'packages/other/src/b.ts'));
    expect(existsSync(join(folder, '../../.git'))).toBe(false);
    expect(readFileSync(join(folder, config), 'utf8')).toContain('["tests/slow.test.ts"]');
    remove();
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(join(root, 'packages/other/src/b.ts'))).toBe(true);
  } finally {
    rmSync(root, { recursive: true });
  }
});

it.each([
  ["vi.mock('node:process', () => ({}));", 'isolate: true'],
  ['vi.fn();', 'isolate: false'],
])('a package with the test %s runs its test files with %s', (text, expected) => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'gearshift-root-')));
  try {
    mkdirSync(join(root, 'packages/thing/tests'), { recursive: true });
    writeFileSync(join(root, 'packages/thing/tests/a.test.ts'), text);
    const { folder, config, remove } = createMirror(root, 'thing', []);
    expect(readFileSync(join(folder, config), 'utf8')).toContain(expected);
    remove();
  } finally {
    rmSync(root, { recursive: true });
  }
});
