import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { depConstraints, noIgnoredResult } from './tools/lint-rules/src/index.mjs';

/** Classes that every realm has for itself. */
const REALM_CLASSES = [
  ...['.*Array', 'ArrayBuffer', 'SharedArrayBuffer', 'DataView', 'Object', 'Function', 'Promise', 'Map', 'Set'],
  ...['.*Error', 'DOMException', 'AbortSignal', 'AbortController', 'EventTarget', 'Date', 'RegExp'],
];
const TESTS = ['**/tests/**', '**/vitest.config.ts'];
const boundaries = (alsoAllowed, more = {}) => [
  'error',
  {
    allow: [],
    enforceBuildableLibDependency: false,
    banTransitiveDependencies: true,
    depConstraints: depConstraints(alsoAllowed),
    ...more,
  },
];

export default defineConfig(
  globalIgnores(['**/dist/', '**/build/', '**/prebuilds/', '**/test-results/', '**/.nx/', '**/node_modules/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { gearshift: { rules: { 'no-ignored-result': noIgnoredResult } } },
    rules: {
      'gearshift/no-ignored-result': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Numbers are what this library talks about; a template that prints one is not a mistake.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Numeric code indexes typed arrays in plain loops; `for...of` has no index, and an iterator where none is wanted.
      '@typescript-eslint/prefer-for-of': 'off',
      // `process.env['NAME']` says that nobody promised it is there.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // Interfaces describe objects with behaviour here, types plain data.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // Public functions check what JavaScript callers pass, and the dispatcher what a foreign backend answers: both can be
      // what the types say they cannot.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-boolean-literal-compare': 'off',
      '@typescript-eslint/no-unnecessary-type-conversion': 'off',
      // What factories return closes over its state and knows no `this`; taking such a method off its object is fine.
      '@typescript-eslint/unbound-method': 'off',
      // A method that ignores its receiver or a callback that does nothing is often what an interface asks for.
      '@typescript-eslint/no-empty-function': 'off',
      // Backends answer contracts whose methods return promises, also where the work is done at once.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['**/tests/**/*.ts'],
    rules: {
      // Tests hand wrong things to functions on purpose.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    // These have no tsconfig of their own, and nothing in them needs types to be judged.
    files: ['**/*.mjs', '**/*.js', '**/*.d.ts', '**/vitest.config.ts'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: nodeGlobals() },
  },
  { files: ['**/*.d.ts', '**/vitest.config.ts'], rules: { 'gearshift/no-ignored-result': 'off' } },
  {
    files: ['**/*.ts', '**/*.mjs'],
    plugins: { '@nx': nx },
    rules: { '@nx/enforce-module-boundaries': boundaries([]) },
  },
  {
    // Nothing that users install may depend on a tool or on what is for tests, but tests may; and they may see their own package as its users do.
    files: TESTS,
    rules: {
      '@nx/enforce-module-boundaries': boundaries(['layer:tool', 'layer:testing'], {
        allowCircularSelfDependency: true,
      }),
    },
  },
  {
    // The sources of the dispatcher import no policy, but its tests need some.
    files: ['packages/dispatcher/tests/**'],
    rules: {
      '@nx/enforce-module-boundaries': boundaries(['layer:tool', 'layer:testing', 'layer:policies'], {
        allowCircularSelfDependency: true,
      }),
    },
  },
  {
    // What takes an executor is tested with the real one.
    files: ['packages/collection/tests/**', 'packages/langchain/tests/**'],
    rules: {
      '@nx/enforce-module-boundaries': boundaries(
        ['layer:tool', 'layer:testing', 'layer:facade', 'layer:formats', 'layer:cluster'],
        {
          allowCircularSelfDependency: true,
        },
      ),
    },
  },
  {
    // A backend that may lose its workers is tested below the dispatcher that replaces it.
    files: ['packages/backend-cluster/tests/**'],
    rules: {
      '@nx/enforce-module-boundaries': boundaries(
        ['layer:tool', 'layer:testing', 'layer:dispatcher', 'layer:policies', 'layer:engine'],
        { allowCircularSelfDependency: true },
      ),
    },
  },
  {
    // What LangChain gives are objects of its classes, also where its types say that an interface is enough.
    files: ['packages/langchain/tests/**'],
    rules: { '@typescript-eslint/no-unsafe-class-instance-assignment': 'off' },
  },
  // The workspace's own configuration is outside every project, and so outside the direction of imports.
  { files: ['eslint.config.mjs'], rules: { '@nx/enforce-module-boundaries': 'off' } },
  {
    // Libraries are silent, and leave the process to the program that uses them.
    files: ['packages/*/src/**'],
    ignores: ['packages/cli/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        ...['abort', 'exit', 'exitCode', 'stderr', 'stdout'].map((property) => ({
          object: 'process',
          property,
          message: 'A library never prints, aborts or exits: return a Result, or throw for a caller mistake.',
        })),
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: `BinaryExpression[operator='instanceof'][right.name=/^(${REALM_CLASSES.join('|')})$/]`,
          message:
            'It is false for values of another realm, such as those of a test in Jest: use `types` of node:util, Array.isArray, or isError and requireSignal of the contracts.',
        },
      ],
    },
  },
);

/** What Node 20 offers without an import. */
function nodeGlobals() {
  const names = [
    'AbortController',
    'AbortSignal',
    'Buffer',
    'URL',
    'clearTimeout',
    'console',
    'fetch',
    'performance',
    'process',
  ];
  const timers = ['clearImmediate', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone'];
  return Object.fromEntries([...names, ...timers].map((name) => [name, 'readonly']));
}
