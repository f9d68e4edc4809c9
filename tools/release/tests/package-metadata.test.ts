import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { missingMetadata, readMetadata, withMetadata } from '../src/package-metadata.mjs';
import { listPublicPackages } from '../src/public-packages.mjs';
import { publishProblems } from '../src/publish-problems.mjs';

const metadata = {
  repository: 'https://example.com/owner/name',
  author: 'An Owner',
  keywords: ['vector', 'gpu'],
  packages: { thing: { description: 'A thing', keywords: ['gpu', 'thing'] } },
};
const complete = { name: 'thing', version: '1.0.0', license: 'Apache-2.0', type: 'module' };

it.each(listPublicPackages())('the manifest of $name has the metadata of tools/release/metadata.json', (entry) => {
  const text = readFileSync(`${entry.folder}/package.json`, 'utf8');
  const expected = withMetadata(entry.manifest, `packages/${basename(entry.folder)}`, readMetadata());
  expect(text, 'run node tools/release/src/write-metadata.mjs').toBe(`${JSON.stringify(expected, null, 2)}\n`);
});

it('withMetadata fills in the addresses derived from the repository', () => {
  expect(withMetadata(complete, 'packages/thing', metadata)).toEqual({
    ...complete,
    description: 'A thing',
    keywords: ['vector', 'gpu', 'thing'],
    homepage: 'https://example.com/owner/name/tree/main/packages/thing#readme',
    bugs: { url: 'https://example.com/owner/name/issues' },
    repository: { type: 'git', url: 'git+https://example.com/owner/name.git', directory: 'packages/thing' },
    author: 'An Owner',
  });
});

it('withMetadata adds no address and no author while none is set', () => {
  const before = { ...complete, repository: 'old', homepage: 'old', bugs: 'old', author: 'old' };
  expect(withMetadata(before, 'packages/thing', { ...metadata, repository: '', author: '' })).toEqual({
    ...complete,
    description: 'A thing',
    keywords: ['vector', 'gpu', 'thing'],
  });
});

it('withMetadata keeps the description of a platform package and gives it the keywords of its loader', () => {
  const platform = { ...complete, name: 'thing-linux-x64-gnu', description: 'The addon of a thing' };
  const { description, keywords } = withMetadata(platform, 'packages/thing-linux-x64-gnu', metadata);
  expect({ description, keywords }).toEqual({
    description: 'The addon of a thing',
    keywords: ['vector', 'gpu', 'thing'],
  });
});

it('withMetadata throws for a package without an entry and says what to add', () => {
  expect(() => withMetadata({ ...complete, name: 'other' }, 'packages/other', metadata)).toThrow(
    'other is not in tools/release/metadata.json: add its description and keywords',
  );
});

it('an empty or invalid setting is reported with its file', () => {
  expect(missingMetadata(metadata)).toEqual([]);
  expect(missingMetadata({ ...metadata, repository: '', author: '' })).toEqual([
    expect.stringMatching(/^"repository" is empty in tools\/release\/metadata\.json: set it to the https address/),
    expect.stringMatching(/^"author" is empty in tools\/release\/metadata\.json: set it to a name/),
  ]);
  for (const repository of ['owner/name', 'https://example.com/owner/name.git', 'http://example.com/owner/name']) {
    expect(missingMetadata({ ...metadata, repository })).toEqual([expect.stringContaining(`got ${repository}`)]);
  }
});

it('publishProblems refuses a release while the repository is not set', () => {
  const packed = [{ name: 'thing', isPlatform: false, files: ['package.json'], manifest: complete }];
  expect(publishProblems(packed, metadata)).toEqual([]);
  expect(publishProblems(packed, { ...metadata, repository: '' })).toEqual([
    expect.stringMatching(
      /^"repository" is empty .* then run node tools\/release\/src\/write-metadata\.mjs and commit$/,
    ),
  ]);
});

it('publishProblems refuses a package without a version or an addon, with unlisted files or with install scripts', () => {
  const packed = [
    { name: 'thing', isPlatform: false, files: ['x.txt'], manifest: { version: '0.0.0', scripts: { install: 'x' } } },
    { name: 'thing-linux-x64-gnu', isPlatform: true, files: [], manifest: { version: '1.0.0' } },
  ];
  expect(publishProblems(packed, metadata)).toEqual([
    'thing has no version: run changeset version',
    'thing contains x.txt',
    'thing runs install',
    'thing-linux-x64-gnu lacks its addon',
  ]);
});
