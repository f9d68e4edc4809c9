import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { tier } from './effort.js';

// Nx sets it for what it runs. A program that a test starts would colour what it prints into a pipe, and the test would
// depend on who started it.
delete process.env['FORCE_COLOR'];
// The package manager's shims set it to a folder with everything that any project of the workspace uses: a test would find
// packages that its user does not have. Node reads it when it starts, so this is for the forks that tests run in.
delete process.env['NODE_PATH'];
// On a machine without a compiler every process would warn that the addon is missing. Tests of the warning delete the variable.
process.env['GEARSHIFT_NO_WARNINGS'] = '1';

/** A guard against hanging, on machines that do other work as well. A mutant that never settles is found by it. */
const LIMIT_MS = tier() === 'mutation' ? 60_000 : 180_000;

/** The one vitest configuration: every package re-exports it from its `vitest.config.ts`. */
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // The closing line of `npm test` adds these files up, so a result restored from Nx's cache counts too.
    reporters: ['default', 'json'],
    outputFile: { json: 'test-results/results.json' },
    setupFiles: [fileURLToPath(new URL('./fail-on-console.js', import.meta.url))],
    typecheck: { enabled: true, include: ['tests/**/*.test-d.ts'], tsconfig: 'tests/tsconfig.json' },
    testTimeout: LIMIT_MS,
    // The default is ten seconds, in which some hooks start servers.
    hookTimeout: LIMIT_MS,
    // Two cores: more forks only make tests that measure progress flaky.
    maxWorkers: 2,
  },
});
