import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it.each([
  ['test.mjs', '--instal-tools', "unknown argument '--instal-tools'; expected --install-tools\n"],
  ['check.mjs', '--fix', "unknown argument '--fix'; expected none\n"],
  ['docs.mjs', 'api', "unknown argument 'api'; expected none\n"],
])('%s refuses a misspelt argument before it does anything: %s', (script, arg, message) => {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, arg], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: message });
});
