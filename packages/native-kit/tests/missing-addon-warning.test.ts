import { once } from 'node:events';
import { createContext, runInContext } from 'node:vm';
import { setEnvironmentData, Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { warnAboutMissingAddon } from '../src/index.js';

const NAME = 'missing-addon-warning.test';
const warned: [string, NodeJS.EmitWarningOptions][] = [];
beforeEach(() => {
  warned.length = 0;
  vi.stubEnv('GEARSHIFT_NO_WARNINGS', undefined);
  vi.spyOn(process, 'emitWarning').mockImplementation(((message: string, options: NodeJS.EmitWarningOptions) => {
    warned.push([message, options]);
  }) as typeof process.emitWarning);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  setEnvironmentData(`gearshift.warned.${NAME}`, undefined);
});

test('warnAboutMissingAddon emits one warning with a code, what was tried and how to turn it off', () => {
  warnAboutMissingAddon(NAME, 'The addon was not loaded:\n  - prebuilds: there is no file');
  warnAboutMissingAddon(NAME, 'The addon was not loaded again');
  expect(warned).toEqual([
    [
      'The addon was not loaded:\n  - prebuilds: there is no file\n' +
        'Gearshift runs in plain TypeScript, many times slower. To hide this warning, set GEARSHIFT_NO_WARNINGS=1.',
      { type: 'GearshiftWarning', code: 'GEARSHIFT_ADDON_MISSING' },
    ],
  ]);
});

test('a second copy of the module does not repeat the warning', async () => {
  warnAboutMissingAddon(NAME, 'once');
  vi.resetModules();
  const copy = await import('../src/index.js');
  copy.warnAboutMissingAddon(NAME, 'twice');
  expect(warned).toHaveLength(1);
});

test('a worker thread does not repeat the warning of the thread that started it', async () => {
  warnAboutMissingAddon(NAME, 'once');
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
    process.on('warning', () => parentPort.postMessage('warned'));
    const { warnAboutMissingAddon } = require('@gearshift/native-kit');
    warnAboutMissingAddon('${NAME}', 'twice');
    setImmediate(() => parentPort.postMessage('done'));`,
    { eval: true },
  );
  expect(await once(worker, 'message')).toEqual(['done']);
  await worker.terminate();
});

test.each(['1', 'true'])('GEARSHIFT_NO_WARNINGS=%s hides the warning', (value) => {
  vi.stubEnv('GEARSHIFT_NO_WARNINGS', value);
  warnAboutMissingAddon(NAME, 'hidden');
  expect(warned).toEqual([]);
});

test.each(['', '0'])("GEARSHIFT_NO_WARNINGS='%s' does not hide the warning", (value) => {
  vi.stubEnv('GEARSHIFT_NO_WARNINGS', value);
  warnAboutMissingAddon(NAME, 'shown');
  expect(warned).toHaveLength(1);
});

test('the mark of an emitted warning does not depend on the realm that sets it', () => {
  const mark = runInContext('"warned"', createContext({})) as string;
  setEnvironmentData(`gearshift.warned.${NAME}`, mark);
  warnAboutMissingAddon(NAME, 'twice');
  expect(warned).toEqual([]);
});
