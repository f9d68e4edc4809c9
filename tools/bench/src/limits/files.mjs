import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createExecutor } from 'gearshift';
import { median } from '../interleave.mjs';
import { readFloats } from './read-rows.mjs';

const CHILD = fileURLToPath(new URL('search-file.mjs', import.meta.url));
/** What Node.js needs besides. */
const BYTES_OF_NODE = 2 ** 27;
/** Where control groups limit memory: in version 1, and in version 2. */
const TREES = [
  { folder: '/sys/fs/cgroup/memory', limitFile: 'memory.limit_in_bytes' },
  { folder: '/sys/fs/cgroup', limitFile: 'memory.max' },
];

/**
 * P13: searches of a mapped file by a process that has half as much memory as the rows take, against one that has read all rows into memory.
 * Both have codes of all rows. The median over the pairs of runs; null where the memory of a process cannot be limited.
 */
export async function measureFile({ file, fileRows, rows, dimensions, pairs, queries, log }) {
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-limits-'));
  const group = createGroup((rows * dimensions * 4) / 2 + BYTES_OF_NODE, log);
  if (group === undefined) return null;
  try {
    const saved = join(folder, 'rows.gearshift');
    await save(saved, readFloats(file, 0, rows * dimensions), dimensions);
    const args = [saved, file, fileRows * dimensions, dimensions, queries];
    const runs = [];
    for (let pair = 0; pair < pairs; pair++) {
      const limited = await search(['limited', ...args], group);
      const whole = await search(['whole', ...args]);
      if (JSON.stringify(limited.found) !== JSON.stringify(whole.found)) throw new Error('the file gave other rows');
      runs.push({ limitedMs: limited.medianMs, wholeMs: whole.medianMs, ratio: limited.medianMs / whole.medianMs });
    }
    return {
      bytes: statSync(saved).size,
      limitedMs: median(runs.map(({ limitedMs }) => limitedMs)),
      wholeMs: median(runs.map(({ wholeMs }) => wholeMs)),
      ratio: median(runs.map(({ ratio }) => ratio)),
    };
  } finally {
    rmdirSync(group);
    rmSync(folder, { recursive: true });
  }
}

async function save(path, values, dimensions) {
  const executor = await createExecutor({ backends: ['cpu'] });
  const matrix = await executor.matrix(values, { dimensions, companion: 'none' });
  await matrix.save(path);
  await executor.close();
}

function createGroup(limitBytes, log) {
  for (const { folder, limitFile } of TREES) {
    const group = join(folder, `gearshift-bench-${process.pid}`);
    try {
      mkdirSync(group);
      if (existsSync(join(group, limitFile))) {
        writeFileSync(join(group, limitFile), String(Math.round(limitBytes)));
        return group;
      }
      rmdirSync(group);
    } catch (error) {
      log(`${folder}: ${error.message}`);
    }
  }
  log('The memory of a process cannot be limited here.');
  return undefined;
}

/** The shell joins the group, then becomes Node, so that no memory is counted elsewhere. */
function search(args, group) {
  const enter = group === undefined ? 'exec "$@"' : `echo $$ > "${group}/cgroup.procs" && exec "$@"`;
  const words = ['-c', enter, 'sh', process.execPath, CHILD, ...args.map(String)];
  return new Promise((resolve, reject) => {
    execFile('/bin/sh', words, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(new Error(`searching the file: ${stderr || error.message}`));
    });
  });
}
