import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createExecutor } from 'gearshift';
import { randomValues } from './random-values.mjs';

const CHILD = fileURLToPath(new URL('open-child.mjs', import.meta.url));

/** Saves a matrix, opens it in two processes, and tells what the second one adds to the memory of the machine. */
export async function measureFiles({ rows, dimensions }) {
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-storage-'));
  const file = join(folder, 'matrix.gearshift');
  try {
    const saveMs = await save(file, rows, dimensions);
    const bytes = statSync(file).size;
    const first = await open(file);
    const alone = bytesOf(first.pid);
    const second = await open(file);
    const both = bytesOf(first.pid) + bytesOf(second.pid);
    for (const child of [first, second]) await child.end();
    return { bytes, saveMs, openMs: Math.min(first.openMs, second.openMs), secondShare: (both - alone) / bytes };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function save(file, rows, dimensions) {
  const executor = await createExecutor({ backends: ['cpu'] });
  const STEP = 50_000;
  const matrix = await executor.matrix(new Float32Array(0), { dimensions });
  for (let row = 0; row < rows; row += STEP) {
    await matrix.append(randomValues(Math.min(STEP, rows - row) * dimensions, row + 1));
  }
  const startedNs = process.hrtime.bigint();
  await matrix.save(file);
  const saveMs = Number(process.hrtime.bigint() - startedNs) / 1e6;
  await matrix[Symbol.asyncDispose]();
  await executor.close();
  return saveMs;
}

async function open(file) {
  const child = spawn(process.execPath, [CHILD, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const line = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`opening ${file} ended with code ${code}`)));
  });
  const end = async () => {
    child.stdin.end();
    await new Promise((resolve) => child.once('close', resolve));
  };
  return { ...JSON.parse(line), pid: child.pid, end };
}

/** Resident memory of a process; pages shared with other processes count by their share. */
function bytesOf(pid) {
  const [, kilobytes] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(kilobytes) * 1024;
}
