import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Examples run from here, where every package resolves, this one by its own name. */
const RUN_FROM = fileURLToPath(new URL('..', import.meta.url));
/** Inside a package, so that its own name resolves, and in a folder that git, Nx and formatters leave alone. */
const EXAMPLES = 'build';
const TIMEOUT_MS = 60_000;
const VITEST = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')));

interface Fence {
  readonly info: string;
  readonly code: string;
  /** 1-based line of the opening fence. */
  readonly line: number;
}

interface Example {
  readonly name: string;
  readonly code: string;
  readonly kind: 'module' | 'vitest';
  /** The output that the page shows, if any. */
  readonly output: string | undefined;
}

const pages = documentation();

test('the documentation has pages with examples', () => {
  expect(pages).toContain('README.md');
  expect(pages.flatMap(examplesOf).length).toBeGreaterThan(8);
});

for (const page of pages) {
  const examples = examplesOf(page);
  describe.runIf(examples.length > 0)(page, () => {
    test.each(examples.map((example) => [example.name, example] as const))('%s', (_name, { code, kind, output }) => {
      const child = runExample(code, kind, folderFor(page, code));
      expect(child.stderr).toBe('');
      expect(child.status, child.stdout).toBe(0);
      if (output !== undefined) expect(child.stdout).toBe(output);
    });
  });

  test(`${page}: the tests run every JavaScript or TypeScript block`, () => {
    const idle = fencesOf(page).filter(
      ({ info }) => /^(js|javascript|mjs|ts|typescript)\b/.test(info) && !isRunnable(info),
    );
    expect(idle.map(({ line }) => `${page}:${line}`)).toEqual([]);
  });

  test(`${page}: every link to a file or heading has a target`, () => {
    const text = readFileSync(join(ROOT, page), 'utf8').replace(/^ *```[\s\S]*?^ *```/gm, '');
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
    const broken = targets.filter((target) => !/^[a-z]+:/.test(target) && !hasTarget(page, target));
    expect(broken).toEqual([]);
  });
}

/** From a file, as a reader would run it: worker threads would inherit the arguments that `--eval` needs. */
function runExample(code: string, kind: Example['kind'], from: string): SpawnSyncReturns<string> {
  mkdirSync(join(from, EXAMPLES), { recursive: true });
  const folder = mkdtempSync(join(from, EXAMPLES, 'example-'));
  const file = join(folder, kind === 'vitest' ? 'example.test.mjs' : 'example.mjs');
  const args = kind === 'vitest' ? [VITEST, 'run', '--root', folder] : [file];
  try {
    writeFileSync(file, code);
    writeFileSync(join(folder, 'vitest.config.mjs'), 'export default {};\n'); // or that of this package would be found
    // Otherwise the inner run of vitest would act as a worker of the outer one.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
    return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: TIMEOUT_MS, env });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Packages that this one does not depend on do not resolve from here, so examples with them run from their own folder. */
function folderFor(page: string, code: string): string {
  const imported = [...code.matchAll(/from '@gearshift\/([^/']+)/g)].map(([, name]) => name);
  const ofReadme = /^packages\/([^/]+)\//.exec(page)?.[1];
  const elsewhere = [ofReadme, ...imported].find(
    (name) =>
      name !== undefined && name !== 'gearshift' && !existsSync(join(RUN_FROM, 'node_modules/@gearshift', name)),
  );
  return elsewhere === undefined ? RUN_FROM : join(ROOT, 'packages', elsewhere);
}

/** The pages of docs/ and the READMEs, relative to the root. */
function documentation(): string[] {
  const markdownIn = (folder: string): string[] =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`);
  const readmes = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`);
  return ['README.md', ...markdownIn('docs'), ...readmes.filter((path) => existsSync(join(ROOT, path)))];
}

function isRunnable(info: string): boolean {
  return /^js (runnable|vitest)$/.test(info);
}

function fencesOf(page: string): Fence[] {
  const fences: Fence[] = [];
  let open: { info: string; line: number; code: string[] } | undefined;
  for (const [index, text] of readFileSync(join(ROOT, page), 'utf8').split('\n').entries()) {
    if (!text.startsWith('```')) open?.code.push(text);
    else if (open === undefined) open = { info: text.slice(3).trim(), line: index + 1, code: [] };
    else {
      fences.push({ ...open, code: open.code.map((line) => `${line}\n`).join('') });
      open = undefined;
    }
  }
  return fences;
}

function examplesOf(page: string): Example[] {
  const fences = fencesOf(page);
  return fences.flatMap(({ info, line, code }, index) => {
    if (!isRunnable(info)) return [];
    const next = fences[index + 1];
    const kind = info === 'js vitest' ? 'vitest' : 'module';
    return [
      { name: `the example at line ${line}`, code, kind, output: next?.info === 'text output' ? next.code : undefined },
    ];
  });
}

function hasTarget(page: string, target: string): boolean {
  const [path, anchor] = target.split('#');
  const file = path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path));
  if (!existsSync(join(ROOT, file))) return false;
  if (anchor === undefined || !basename(file).endsWith('.md')) return true;
  const headings = readFileSync(join(ROOT, file), 'utf8').match(/^#{1,6} .*$/gm) ?? [];
  return headings.some((heading) => anchorOf(heading) === anchor);
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
