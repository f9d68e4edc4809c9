import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLabArguments } from '../src/lab-arguments.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const run = promisify(execFile);
const lab = (...args: string[]) => run(process.execPath, [MAIN, ...args], { timeout: 120_000 });

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('dispatch-lab command', () => {
  it('prints the table, writes the requested files, and loads a policy from a module', async () => {
    const module = join(folder, 'mine.mjs');
    const contents = `import { pinnedPolicy } from ${JSON.stringify(import.meta.resolve('@gearshift/policies'))};
export default () => ({ ...pinnedPolicy('cpu'), name: 'mine' });`;
    writeFileSync(module, contents);
    const json = join(folder, 'results', 'lab.json');
    const plots = join(folder, 'plots');
    const some = ['--world', 'hard', '--trace', 'T1', '--trace', 't5B', '--seeds', '3', '--requests', '120'];
    const { stdout } = await lab(
      ...some,
      '--policy',
      'always-cpu',
      '--policy',
      module,
      '--json',
      json,
      '--plot',
      plots,
    );
    expect(stdout).toContain('hard world, seeds 1 to 3');
    expect(stdout).toMatch(/^mine /m);

    const results = JSON.parse(readFileSync(json, 'utf8')) as Record<string, unknown>[];
    expect(results.map(({ trace, policy }) => `${String(trace)} ${String(policy)}`)).toEqual([
      'T1 always-cpu',
      'T1 mine',
      'T5b always-cpu',
      'T5b mine',
    ]);
    expect(Object.keys(results[0])).toEqual([
      'trace',
      'world',
      'policy',
      'seeds',
      'regretPercent',
      'worstPercent',
      'failedAttempts',
      'outOfMemory',
    ]);
    // The same choices under the same noise.
    expect(results[1]).toEqual({ ...results[0], policy: 'mine' });
    expect(results[0]).toMatchObject({ world: 'hard', seeds: 3, failedAttempts: 0, outOfMemory: 0 });
    expect(results[0]['worstPercent']).toBeGreaterThanOrEqual(results[0]['regretPercent'] as number);

    expect(readdirSync(plots).toSorted()).toEqual(['T1-hard.svg', 'T5b-hard.svg']);
    const svg = readFileSync(join(plots, 'T1-hard.svg'), 'utf8');
    expect(svg).toMatch(/^<svg [^>]*>[\s\S]*<\/svg>\n$/);
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg).not.toContain('NaN');
  });

  it('fails for unknown arguments', async () => {
    const message = expect.stringContaining('expected one of adaptive, always-cpu');
    await expect(lab('--policy', 'clairvoyant')).rejects.toMatchObject({ code: 2, stderr: message });
  });
});

it.each([
  [['--world', 'flat'], '--world: expected one of linear, hard'],
  [['--trace', 'T10'], '--trace: expected one of T1'],
  [['--seeds', '0'], '--seeds: expected a whole number'],
  [['--requests', '1e3'], '--requests: expected a whole number'],
  [['--speed', '9'], '--speed'],
])('says what is wrong with %j', (args, message) => {
  expect(() => parseLabArguments(args)).toThrow(message);
});

it('runs every policy and trace by default', () => {
  const { worlds, traces, seeds, policies } = parseLabArguments([]);
  expect(worlds.map(({ name }) => name)).toEqual(['linear', 'hard']);
  expect(traces.map(({ name }) => name)).toEqual(['T1', 'T2', 'T3', 'T4', 'T5', 'T5b', 'T6', 'T7', 'T8', 'T9']);
  expect(seeds).toBe(11);
  expect(policies).toEqual([]);
});
