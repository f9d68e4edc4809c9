import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * Prepares the file in which Stryker keeps what it knows. Stryker sees that a test is new, but not that one has changed. So after any change of
 * the tests only mutants that were found stay known; the others are tried again.
 *
 * @param {string} incrementalFile there need not be one
 * @param {string} testsHash of the tests as they are now
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
