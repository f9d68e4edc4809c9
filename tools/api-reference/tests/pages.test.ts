import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { brokenLinks } from '../src/broken-links.mjs';
import { entryPoints } from '../src/entry-points.mjs';
import { withinOnePage } from '../src/within-one-page.mjs';

const API = fileURLToPath(new URL('../../../docs/api/', import.meta.url));

it('the reference has every entry that users import, and not the internal one', () => {
  const exports = {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './contract': { types: './dist/contract/index.d.ts', default: './dist/contract/index.js' },
    './internal': { types: './dist/internal.d.ts', default: './dist/internal.js' },
    './package.json': './package.json',
  };
  expect(entryPoints({ exports })).toEqual(['src/index.ts', 'src/contract/index.ts']);
});

it('links between the parts of a page become links within it', () => {
  const parts = ['## a\n\n[one](../index.md#one) [here](#a)\n', '## One\n\n[a](a/index.md#a)'];
  expect(withinOnePage(parts)).toBe('## a\n\n[one](#one) [here](#a)\n\n## One\n\n[a](#a)');
});

it('a link to a numbered anchor that is not on the page leads to the heading itself', () => {
  expect(withinOnePage(['## Thing\n\n[first](#thing) [second](#thing-1)'])).toContain('[second](#thing)');
  expect(withinOnePage(['## Thing\n\n## Thing\n\n[second](#thing-1)'])).toContain('[second](#thing-1)');
  expect(withinOnePage(['## Thing\n\n[other](#other-1)'])).toContain('[other](#other-1)');
});

it('a link that leads to no page, anchor or file is reported with its page', () => {
  const text = [
    '# Title\n\n<a id="property-id"></a>\n\n[a](#title) [b](#property-id) [c](other.md#there) [d](../README.md) [e](https://example.com)',
    '[f](#missing) [g](none.md) [h](other.md#title) [i](../no-such-page.md)',
    '```ts\nconst link = "[j](#code)";\n```',
  ].join('\n\n');
  const pages = new Map([
    ['page.md', text],
    ['other.md', '## There'],
  ]);
  const broken = ['#missing', 'none.md', 'other.md#title', '../no-such-page.md'].map((target) => `page.md: ${target}`);
  expect(brokenLinks(pages, API)).toEqual(broken);
});
