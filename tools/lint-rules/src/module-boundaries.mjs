/**
 * The direction of imports, as one table: what the projects of a layer may import in `src`.
 *
 *   contracts <- { tracker, splitter, native-kit, storage } <- { policies, backend-* } <- dispatcher <- gearshift <- cli
 *   contracts <- formats <- cli
 *   contracts <- collection <- langchain, which are handed an executor
 *   { native-kit, storage, backend-cpu } <- backend-cluster <- cli
 *
 * Siblings never import each other, except for the CPU backend that a GPU backend may use, the dispatcher uses policies and backends only through the contracts, and only the facade
 * names concrete ones. The lint configuration and the test of the manifests both read this table.
 */
export const ALLOWED_IMPORTS = {
  'layer:contracts': [],
  'layer:engine': ['layer:contracts'],
  'layer:native-kit': ['layer:contracts'],
  'layer:storage': ['layer:contracts'],
  'layer:policies': ['layer:contracts', 'package:tracker'],
  // A GPU backend leaves to the CPU backend what its device computes in no defined way.
  'layer:backend': ['layer:contracts', 'layer:native-kit', 'layer:platform', 'package:backend-cpu'],
  // A worker holds its shards in the CPU backend, and loads them from files.
  'layer:cluster': ['layer:contracts', 'layer:native-kit', 'layer:storage', 'package:backend-cpu'],
  // It uses the tracker and the splitter, and backends and policies only through the contracts.
  'layer:dispatcher': ['layer:contracts', 'layer:engine'],
  'layer:telemetry': ['layer:contracts', 'package:tracker'],
  'layer:testing': ['layer:contracts'],
  'layer:formats': ['layer:contracts'],
  'layer:facade': [
    'layer:contracts',
    'layer:engine',
    'layer:storage',
    'layer:policies',
    'layer:dispatcher',
    'layer:backend',
  ],
  // They use an executor through an interface of their own, so that they need no particular version of the facade.
  'layer:collection': ['layer:contracts'],
  'layer:langchain': ['layer:contracts', 'layer:collection'],
  'layer:cli': ['layer:facade', 'layer:formats', 'layer:storage', 'layer:telemetry', 'layer:cluster'],
  'layer:platform': [],
  'layer:tool': ['*'],
};

/**
 * The table in the form of `@nx/enforce-module-boundaries`.
 *
 * @param {readonly string[]} alsoAllowed additional imports of tests
 */
export function depConstraints(alsoAllowed = []) {
  return Object.entries(ALLOWED_IMPORTS).map(([sourceTag, allowed]) => ({
    sourceTag,
    onlyDependOnLibsWithTags: [...allowed, ...alsoAllowed],
  }));
}

/** Whether a project with these tags may import one with those. */
export function mayImport(tags, importedTags) {
  const rules = tags.filter((tag) => tag in ALLOWED_IMPORTS).map((tag) => ALLOWED_IMPORTS[tag]);
  return rules.length > 0 && rules.every((allowed) => allowed.some((tag) => tag === '*' || importedTags.includes(tag)));
}
