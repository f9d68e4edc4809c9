import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * Prepares the file with Stryker's earlier results. Stryker detects a new test, but not a changed one. So after any change of the tests only
 * the results of found mutants are kept; the others are tried again.
 *
 * @param {string} incrementalFile may not exist
 * @param {string} testsHash of the current tests
 */
export function forgetSurvivors(incrementalFile, testsHash) {
  const hashFile = `${incrementalFile}.tests`;
  const isSame = existsSync(hashFile) && readFileSync(hashFile, 'utf8') === testsHash;
  if (!isSame && existsSync(incrementalFile)) {
    const known = JSON.parse(readFileSync(incrementalFile, 'utf8'));
    for (const file of Object.values(known.files)) {
      file.mutants = file.mutants.filter(({ status }) => status === 'Killed');
    }
    writeFileSync(incrementalFile, JSON.stringify(known));
  }
  writeFileSync(hashFile, testsHash);
}
