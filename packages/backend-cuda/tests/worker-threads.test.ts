import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { lacksSimulator, simulator } from './simulated-driver.js';

describe.skipIf(simulator === null)(`worker threads with the CUDA backend${lacksSimulator}`, () => {
  test('share one copy, get their own answers, and may be terminated at any time', async () => {
    const fixture = fileURLToPath(new URL('fixtures/share-a-copy.mjs', import.meta.url));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [fixture], { timeout: 150_000 });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ wrong: [0, 0, 0, 0], copies: 1, leaks: 0, misuses: 0, contexts: 0 });
  });
});
