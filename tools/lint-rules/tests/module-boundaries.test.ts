import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';
import { ALLOWED_IMPORTS, mayImport } from '../src/index.mjs';

type Manifest = {
  name: string;
  private?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  nx?: { tags?: string[] };
};
type Project = { folder: string; manifest: Manifest; tags: string[] };

const root = fileURLToPath(new URL('../../../', import.meta.url));
const projects: Project[] = ['packages', 'tools'].flatMap((group) =>
  readdirSync(join(root, group))
    .filter((name) => existsSync(join(root, group, name, 'package.json')))
    .map((name) => {
      const manifest = JSON.parse(readFileSync(join(root, group, name, 'package.json'), 'utf8')) as Manifest;
      return { folder: `${group}/${name}`, manifest, tags: manifest.nx?.tags ?? [] };
    }),
);
const byName = new Map(projects.map((project) => [project.manifest.name, project]));
const published = projects.filter(({ manifest }) => manifest.private !== true);
const withSources = published.filter(({ folder }) => existsSync(join(root, folder, 'src/index.ts')));

describe('module boundary rule with the real configuration and project graph', () => {
  const eslint = new ESLint({
    cwd: root,
    // Only the tested rule runs, and it needs no types.
    ruleFilter: ({ ruleId }) => ruleId === '@nx/enforce-module-boundaries',
    overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  });

  /** The reports of the boundary rule for `file` with the text `code`. */
  async function judge(file: string, code: string): Promise<string[]> {
    const [report] = await eslint.lintText(code, { filePath: join(root, file) });
    expect(report.messages.filter(({ fatal }) => fatal)).toEqual([]);
    return report.messages.map(({ message }) => message);
  }

  const imports = withSources.flatMap((from) =>
    [...byName.values()]
      // A platform package has no module: its loader requires the binary by name, which import rules do not check.
      .filter((to) => to !== from && !to.tags.includes('layer:platform'))
      .map((to) => ({ from, to, allowed: mayImport(from.tags, to.tags) })),
  );
  const named = (wanted: boolean) =>
    imports
      .filter(({ allowed }) => allowed === wanted)
      .map(({ from, to }) => [from.manifest.name, to.manifest.name, `${from.folder}/src/index.ts`] as const);

  it('has test cases for forbidden and allowed imports', () => {
    expect(named(false).length).toBeGreaterThan(10);
    expect(named(true).length).toBeGreaterThan(3);
  });

  it.each(named(false))('reports an import from %s to %s', async (_from, to, file) => {
    expect(await judge(file, `export * from '${to}';\n`)).not.toEqual([]);
  });

  it.each(named(true))('allows an import from %s to %s', async (_from, to, file) => {
    expect(await judge(file, `export * from '${to}';\n`)).toEqual([]);
  });

  it('reports a relative import into another project', async () => {
    const messages = await judge('packages/cli/src/index.ts', "export * from '../../contracts/src/index.js';\n");
    expect(messages).toHaveLength(1);
  });

  it('allows a test to import a tool that the sources must not import', async () => {
    const code = "import '@gearshift/vitest-config';\n";
    expect(await judge('packages/cli/vitest.config.ts', code)).toEqual([]);
    expect(await judge('packages/cli/src/index.ts', code)).toHaveLength(1);
  });

  it('allows the tests of the dispatcher to import policies, which its sources must not import', async () => {
    const code = "import '@gearshift/policies';\n";
    expect(await judge('packages/dispatcher/tests/fallback.test.ts', code)).toEqual([]);
    expect(await judge('packages/dispatcher/src/index.ts', code)).toHaveLength(1);
    expect(await judge('packages/tracker/tests/tracker.test.ts', code)).toHaveLength(1);
  });
});

describe('package manifests', () => {
  it.each(projects.map((project) => [project.manifest.name, project] as const))(
    'of %s names a known layer',
    (_name, project) => {
      expect(project.tags.filter((tag) => tag in ALLOWED_IMPORTS)).toHaveLength(1);
    },
  );

  it.each(published.map((project) => [project.manifest.name, project] as const))(
    'of %s has dependencies only in the direction of imports',
    (_name, { manifest, tags }) => {
      const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
      const wrong = Object.keys(wanted).filter((name) => {
        const target = byName.get(name);
        return target !== undefined && !mayImport(tags, target.tags);
      });
      expect(wrong).toEqual([]);
    },
  );

  it.each(withSources.map((project) => [project.manifest.name, project] as const))(
    'of %s has dependencies that match the references of its tsconfig.json',
    (_name, { folder, manifest }) => {
      const config = JSON.parse(readFileSync(join(root, folder, 'tsconfig.json'), 'utf8')) as {
        references?: { path: string }[];
      };
      const referenced = (config.references ?? []).map(({ path }) => relative(root, join(root, folder, path)));
      const depended = Object.keys(manifest.dependencies ?? {}).flatMap((name) => byName.get(name)?.folder ?? []);
      expect(referenced.sort()).toEqual(depended.sort());
    },
  );

  const FURTHER_ENTRIES: Record<string, string[]> = {
    // Shared only by the packages.
    '@gearshift/contracts': ['./internal'],
    // The engine of runs, for packages with their own lanes.
    '@gearshift/splitter': ['./engine'],
    // The main entry works without vitest.
    '@gearshift/testing': ['./simulated-device', './vitest'],
  };
  it.each(withSources.map((project) => [project.manifest.name, project] as const))(
    'of %s exports only the main entry point, the manifest, and the entry points listed here',
    (name, { manifest }) => {
      const entries = Object.keys((manifest as { exports?: object }).exports ?? {});
      expect(entries).toEqual(['.', ...(FURTHER_ENTRIES[name] ?? []), './package.json']);
    },
  );
});

describe('C++ sources', () => {
  const natives = published.map(({ folder }) => `${folder}/native`).filter((folder) => existsSync(join(root, folder)));
  const sources = natives.flatMap((folder) =>
    (readdirSync(join(root, folder), { recursive: true }) as string[])
      .filter((file) => /\.(cc|h|inc|cu|cuh)$/.test(file))
      .map((file) => `${folder}/${file}`),
  );
  const includesOf = (file: string) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)].map(
      ([, path]) => path,
    );

  it('exist for this test', () => {
    expect(natives.length).toBeGreaterThanOrEqual(3);
    for (const folder of natives) expect(sources.filter((file) => file.startsWith(folder)).length).toBeGreaterThan(5);
  });

  it('include Node headers only in the binding', () => {
    // bench/ contains the binding of an addon for benchmarks, which no package contains.
    const outside = sources.filter((file) => !/\/native\/(kit\/)?(binding|bench)\//.test(file));
    const offenders = outside.filter((file) =>
      includesOf(file).some((path) => /^(napi|node_api|js_native_api|uv|v8)\b/.test(basename(path))),
    );
    expect(offenders).toEqual([]);
  });

  it('include in kernels only other kernels and the dispatch table', () => {
    const kernels = sources.filter((file) => file.startsWith('packages/backend-cpu/native/kernels/'));
    const offenders = kernels.flatMap((file) =>
      includesOf(file)
        .filter((path) => /^(\.\.\/)?(core|binding|pool|kit)\//.test(path))
        .map((path) => `${file} includes ${path}`),
    );
    expect(offenders).toEqual([]);
  });
});
