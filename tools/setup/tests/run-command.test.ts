import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const MODULE = new URL('../run-command.mjs', import.meta.url).href;
const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Runs a program that prints to both streams and exits with a code, through runCommand in a process of its own. */
function run(exitCode: number, output: string) {
  const program = `console.log('out'.repeat(3)); console.error('err'); process.exitCode = ${exitCode}`;
  const script = `
    import { runCommand } from ${JSON.stringify(MODULE)};
    process.exitCode = await runCommand(process.execPath, ['-e', ${JSON.stringify(program)}], { output: ${JSON.stringify(output)} });`;
  const args = ['--input-type=module', '-e', script];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: FOLDER });
  return { status, stdout, stderr };
}

it('prints nothing of a program that succeeds with output on-failure', () => {
  expect(run(0, 'on-failure')).toEqual({ status: 0, stdout: '', stderr: '' });
});

it('prints the whole output of a program that fails with output on-failure', () => {
  const { status, stdout, stderr } = run(3, 'on-failure');
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  expect(stderr).toContain('outoutout');
  expect(stderr).toContain('err');
});

it('passes the output of a program on with output stderr and stdout', () => {
  expect(run(0, 'stderr')).toMatchObject({ stdout: '', stderr: expect.stringContaining('outoutout') });
  expect(run(0, 'stdout')).toEqual({ status: 0, stdout: 'outoutout\n', stderr: 'err\n' });
});
