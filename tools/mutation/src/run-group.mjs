// node run-group.mjs OPTIONS RESULTS, started in the copy of a package: runs Stryker with these options (a JSON file) and writes the mutants
// with their results as JSON. It is a separate process because Stryker works in the current folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';

const [optionsFile, resultsFile] = process.argv.slice(2);
const mutants = await new Stryker({
  ...JSON.parse(readFileSync(optionsFile, 'utf8')),
  plugins: [fileURLToPath(import.meta.resolve('@stryker-mutator/vitest-runner'))],
}).runMutationTest();
writeFileSync(resultsFile, JSON.stringify(mutants));
