import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { displayPath } from '../src/output/display-path.js';

const HERE = resolve('/home/user/project');

test.each([
  [join(HERE, 'docs', 'a.md'), join('docs', 'a.md')],
  [join(HERE, '..names', 'a.md'), join('..names', 'a.md')],
  [HERE, '.'],
  [resolve('/home/user/other/a.md'), resolve('/home/user/other/a.md')],
  [resolve('/home/user'), resolve('/home/user')],
])('displayPath shows %s as %s', (path, shown) => {
  expect(displayPath(path, HERE)).toBe(shown);
});
