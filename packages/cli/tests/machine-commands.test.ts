import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createExecutor } from 'gearshift';
import { describe, expect, test } from 'vitest';
import { runBin } from './run-bin.js';
import { runHere } from './run-here.js';
import { temporaryFolder } from './temporary-folder.js';

/** Runs a command; its output must be one JSON object and nothing else. */
async function runJson(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await runHere([...args, '--json']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('doctor', () => {
  test('reports the machine, every backend with its reason, the decisions and the advice', async () => {
    const { host, backends, choices, advice } = await runJson('doctor');
    expect(host).toMatchObject({ node: process.version, platform: process.platform, cpus: expect.any(Number) });
    expect(backends).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'cpu', status: 'ready', reason: null })]),
    );
    for (const { status, reason, description } of backends as {
      status: string;
      reason: unknown;
      description: unknown;
    }[]) {
      expect(status === 'ready' ? reason : description).toBeNull();
      if (status !== 'ready') expect(reason).toMatch(/\S/);
    }
    expect(choices).toHaveLength(3);
    expect(choices).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ rows: 100, decision: expect.objectContaining({ backend: expect.any(String) }) }),
      ]),
    );
    expect(advice).toBeInstanceOf(Array);
  });

  test('prints a report in plain text without --json', async () => {
    const { status, stdout, stderr } = runBin(['doctor']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^gearshift \S+, Node v/);
    expect(stdout).toMatch(/^ {2}cpu +ready: /m);
    expect(stdout).toContain('10000 rows, 64 queries');
  });

  test('looks for no other backend with --backends cpu', async () => {
    const { backends, choices } = await runJson('doctor', '--backends', 'cpu');
    expect((backends as { name: string }[]).map(({ name }) => name)).toEqual(['cpu']);
    for (const { decision } of choices as { decision: { backend: string } }[]) expect(decision.backend).toBe('cpu');
  });
});

describe('calibrate', () => {
  test('writes a file that createExecutor accepts as calibration', { timeout: 120_000 }, async () => {
    const file = join(await temporaryFolder(), 'calibration.json');
    const { devices, runs } = await runJson('calibrate', '--backends', 'cpu', '--output', file);
    expect(devices).toEqual(['cpu']);
    expect(runs).toBeGreaterThan(20);
    await using executor = await createExecutor({
      backends: ['cpu'],
      calibration: JSON.parse(readFileSync(file, 'utf8')),
    });
    const { calibration } = executor.describe();
    expect(calibration).toMatchObject({ ok: true });
    expect(executor.snapshot('top-k').forecast?.shapes.length).toBeGreaterThan(0);
    const { learned } = executor.exportCalibration().state;
    const [{ costs }] = learned['devices'] as { costs: { shape: string; form?: string }[] }[];
    const lines = costs.map(({ shape, form }) => [shape, form]);
    expect(lines).toEqual(expect.arrayContaining([['scan', undefined]]));
    // The portable backend has no codes.
    const isNative = executor.backends().some(({ source }) => source !== 'portable');
    if (isNative)
      expect(lines).toEqual(
        expect.arrayContaining([
          ['scan', 'codes'],
          ['many-queries', 'codes-together'],
        ]),
      );
  });

  test('fails before the measurement if the file cannot be written', async () => {
    const { status, stderr } = await runHere(['calibrate', '--backends', 'cpu', '--output', '/nowhere/at/all.json']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^gearshift: --output: .*\/nowhere\/at\/all\.json/);
  });
});

describe('bench', () => {
  test('times every size on every device', { timeout: 120_000 }, async () => {
    const { timings } = await runJson('bench', '--backends', 'cpu');
    const sizes = (timings as { rows: number; companion: string }[]).map(({ rows, companion }) => [rows, companion]);
    expect(sizes).toHaveLength(6);
    expect(sizes).toEqual(
      expect.arrayContaining([
        [50_000, 'none'],
        [50_000, 'codes'],
      ]),
    );
    for (const timing of timings as { device: string; runs: number; medianMs: number; fastestMs: number }[]) {
      expect(timing.device).toBe('cpu');
      expect(timing.runs).toBeGreaterThan(0);
      expect(timing.medianMs).toBeGreaterThanOrEqual(timing.fastestMs);
    }
  });
});

test.for(['doctor', 'calibrate', 'bench'])('%s has a help text and rejects an unknown backend', async (command) => {
  expect(await runHere([command, '--help'])).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringContaining('--json'),
  });
  const { status, stderr } = await runHere([command, '--backends', 'cpu,tpu']);
  expect(status).toBe(2);
  expect(stderr).toContain("expected some of cpu, cuda, webgpu, got 'tpu'");
});
