import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/**
 * Warns that an addon is missing and its slow replacement runs: once per process, for several copies of this module as well. Worker
 * threads know what the thread that started them had warned about.
 *
 * The environment variable `GEARSHIFT_NO_WARNINGS=1` hides the warning, and so do Node's own settings, such as
 * `--disable-warning=GEARSHIFT_ADDON_MISSING`.
 *
 * @param name of the package, as there may be one warning for each
 * @param explanation what was tried, and how to fix it
 */
export function warnAboutMissingAddon(name: string, explanation: string): void {
  if (!['', '0', undefined].includes(process.env['GEARSHIFT_NO_WARNINGS'])) return;
  // A module variable would not do: test runners and bundles load several copies of a module.
  const key = `gearshift.warned.${name}`;
  if (getEnvironmentData(key) !== undefined) return;
  setEnvironmentData(key, 'warned');
  process.emitWarning(
    `${explanation}\nGearshift runs in plain TypeScript, many times slower. To hide this warning, set GEARSHIFT_NO_WARNINGS=1.`,
    { type: 'GearshiftWarning', code: 'GEARSHIFT_ADDON_MISSING' },
  );
}
