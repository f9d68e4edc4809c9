import { measureCandidates } from '../limits/candidates.mjs';
import { measureCentres } from '../limits/centres.mjs';
import { measureCodes } from '../limits/codes.mjs';
import { measureFile } from '../limits/files.mjs';
import { measureFirstCall, measureSpreading } from '../limits/spreading.mjs';
import { installPeers } from '../peers/contest.mjs';
import { prepareRows } from '../peers/data-sets.mjs';

/** Of one hop, times scipy. */
const SPREADING_GOALS = { 10_000: 1.2, 100_000: 1.1, 1_000_000: 3.5 };

export default {
  name: 'limits',
  description: 'scattered candidates, files larger than memory, making codes, centres of clustered rows, spreading',

  async run({ quick, log }) {
    const rounds = quick ? 3 : 15;
    const hasSimsimd = installPeers(log).includes('simsimd');
    const dimensions = 768;
    const fileRows = quick ? 2000 : 1_000_000;
    const file = await prepareRows('clustered', { rows: fileRows, dimensions, log });
    const goals = [];
    const goal = (id, target, measured, holds) =>
      goals.push({ id, target, measured, pass: measured === null ? null : holds(measured) });

    log('Codes ...');
    const codes = await measureCodes({ file, rows: quick ? 2000 : 100_000, dimensions, rounds });
    goal('P14', 'codes of >= 250,000 rows/s', codes.rowsPerSecond, (rate) => rate >= 250_000);
    goal('P14', 'append with codes: <= 4 memcpy into fresh memory', codes.appendRatio, (ratio) => ratio <= 4);

    log('Centres ...');
    const centreRows = quick ? 2000 : 300_000;
    const centres = await measureCentres({ file, fileRows, rows: centreRows, dimensions, rounds });
    goal('P15', `${centreRows} clustered rows: >= 10x a scan in float32`, centres.ratio, (ratio) => ratio >= 10);
    const buildMs = centres.codesMs + centres.centresMs;
    goal('P15', 'codes and centres: <= 15 s', buildMs / 1000, (seconds) => seconds <= 15);

    const candidates = [];
    for (const rows of quick ? [2000] : [100_000, fileRows]) {
      log(`Candidates of ${rows} rows ...`);
      const lists = quick ? 100 : 10_000;
      const measured = await measureCandidates({ file, rows, dimensions, lists, rounds, hasSimsimd });
      candidates.push(measured.row);
      goal('P12', `32 of ${measured.megabytes} MB: >= 2x a loop over simsimd`, measured.ratio, (ratio) => ratio >= 2);
    }

    log('A file ...');
    const searched = { file, fileRows, rows: fileRows, dimensions, pairs: quick ? 1 : 3, queries: quick ? 3 : 60, log };
    const inFile = await measureFile(searched);
    goal('P13', 'half of the memory: <= 2x the time', inFile?.ratio ?? null, (ratio) => ratio <= 2);

    const spreading = [];
    for (const nodes of quick ? [10_000] : [10_000, 100_000, 1_000_000]) {
      log(`Spreading over ${nodes} nodes ...`);
      const { us, ratio, fromOneUs } = await measureSpreading({ nodes, rounds, log });
      spreading.push([nodes, us, ratio, fromOneUs]);
      const least = SPREADING_GOALS[nodes];
      goal('P9', `one hop over ${nodes} nodes: >= ${least}x scipy`, ratio, (times) => times >= least);
      if (nodes === 1_000_000) {
        goal('P9', 'three hops from one of 1,000,000 nodes: <= 1 ms', fromOneUs / 1000, (ms) => ms <= 1);
      }
    }
    const firstCallMs = await measureFirstCall({ processes: quick ? 1 : 9 });
    goal('P9', 'first call of a process: <= 2 ms over the second', firstCallMs, (ms) => ms <= 2);

    return {
      tables: [
        {
          title: 'Codes of rows of 768 dimensions, one thread',
          columns: ['rows per second', 'append of 1,000 rows and their codes, ms', 'times a memcpy into fresh memory'],
          rows: [[codes.rowsPerSecond, codes.appendMs, codes.appendRatio]],
        },
        {
          title: 'Clustered rows with codes and centres, top 10, one thread',
          columns: ['rows', 'ms', 'times as long in float32', 'codes made in ms', 'centres found in ms of CPU time'],
          rows: [[centreRows, centres.ms, centres.ratio, centres.codesMs, centres.centresMs]],
        },
        {
          title: 'The best 10 of candidates that lie anywhere, one thread',
          columns: ['candidates', 'us', 'times as long in a loop over simsimd'],
          rows: candidates,
        },
        {
          title: 'A mapped file in half of the memory that its rows take, top 10, one thread',
          columns: ['bytes of the file', 'ms', 'ms with all rows in memory', 'times'],
          rows: inFile === null ? [] : [[inFile.bytes, inFile.limitedMs, inFile.wholeMs, inFile.ratio]],
        },
        {
          title: 'Spreading over graphs with 10 edges for each node, one thread',
          columns: ['nodes', 'one hop, us', 'times as long in scipy', 'three hops from one node, us'],
          rows: spreading,
        },
      ],
      goals,
    };
  },
};
