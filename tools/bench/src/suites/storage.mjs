import { measureChanges } from '../storage/changes.mjs';
import { measureClients } from '../storage/clients.mjs';
import { measureElementTypes } from '../storage/element-types.mjs';
import { measureFiles } from '../storage/files.mjs';
import { measureFilters } from '../storage/filters.mjs';
import { inAProcess } from '../storage/in-a-process.mjs';
import { measurePeers } from '../storage/peers.mjs';

const MB = 1e6;
const FILTER_GOALS = { 1: 1.05, 0.5: 0.75, 0.1: 0.3, 0.01: 0.06 };

export default {
  name: 'storage',
  description: 'what stored matrices take in memory, and what changes, filters, files and many clients cost',

  async run({ quick, log }) {
    const size = quick ? { rows: 5000, dimensions: 128 } : { rows: 100_000, dimensions: 768 };
    const rounds = quick ? 3 : 21;
    const dataBytes = size.rows * size.dimensions * 4;
    const goals = [];
    const goal = (target, measured, pass, note) => goals.push({ id: 'storage', target, measured, pass, note });

    log('Memory ...');
    const matrix = await inAProcess('memory-child.mjs', ['matrix', size.rows, size.dimensions]);
    const adopted = await inAProcess('memory-child.mjs', ['adopted', size.rows, size.dimensions]);
    const churnRounds = quick ? 20 : 2000;
    const churn = await inAProcess('memory-child.mjs', ['churn', churnRounds, 0]);
    const executors = await inAProcess('memory-child.mjs', ['executors', 0, 0]);
    goal('a matrix takes <= 1.05 of its data', matrix.bytes / dataBytes, matrix.bytes <= 1.05 * dataBytes);
    const left = matrix.afterDispose / dataBytes;
    goal('dispose gives the memory back: <= 0.02 left', left, left <= 0.02);
    const extra = adopted.bytes / dataBytes;
    goal('an adopted shared array takes nothing more: <= 0.01', extra, extra <= 0.01);
    goal(`${churnRounds} x make, ask, dispose of 5 MB: < 200 MB`, churn.bytes / MB, churn.bytes < 200 * MB);
    goal('an executor takes <= 1 MB until it is used', executors.bytes / MB, executors.bytes <= MB);

    log('Changes ...');
    const changes = await measureChanges({ ...size, rounds });
    const [append, update, remove, one] = changes;
    goal('append 1,000 rows: <= 2 memcpy into fresh memory', append.ratio, append.ratio <= 2);
    goal('update one row: <= 0.1 ms', update.ms, update.ms <= 0.1);
    goal('remove 1,000 rows: <= 1 ms', remove.ms, remove.ms <= 1);
    for (const { what, next } of [update, remove, one]) {
      goal(`the request after "${what}": <= 1.05 of one on an unchanged matrix`, next, next <= 1.05);
    }

    log('Filters ...');
    const filters = await measureFilters({ ...size, rounds, turnMs: quick ? 5 : 60 });
    for (const { share, ratio } of filters) {
      goal(
        `where on ${100 * share} % of the rows: <= ${FILTER_GOALS[share]} of a full scan`,
        ratio,
        ratio <= FILTER_GOALS[share],
      );
    }

    log('Element types ...');
    const elementTypes = await measureElementTypes({ ...size, rounds, turnMs: quick ? 5 : 60 });

    log('Files ...');
    const files = await measureFiles(quick ? size : { rows: 1_000_000, dimensions: 768 });
    const gigabytes = (files.bytes / 1e9).toFixed(1);
    goal(`open a file of ${gigabytes} GB: < 50 ms`, files.openMs, files.openMs < 50);
    goal('a second process adds < 5 % of the file', files.secondShare, files.secondShare < 0.05);

    log('Clients ...');
    const clients = await measureClients({ ...size, rounds: quick ? 3 : 9 });
    goal('50 clients: >= 0.8 of the rate of one call with 50 queries', clients.merged, clients.merged >= 0.8);
    goal('one client alone: no slower than with coalesce: false (<= 1.05)', clients.alone, clients.alone <= 1.05);

    log('Peers ...');
    const peerSize = quick ? { rows: 5000, dimensions: 128 } : { rows: 50_000, dimensions: 384 };
    const peers = await measurePeers({ ...peerSize, log });

    return {
      tables: [
        {
          title: `Memory, in shares of the data (${size.rows} x ${size.dimensions} float32)`,
          columns: ['what', 'bytes', 'share'],
          rows: [
            ['a matrix, asked once', matrix.bytes, matrix.bytes / dataBytes],
            ['after it was disposed', matrix.afterDispose, left],
            ['an adopted SharedArrayBuffer, in addition', adopted.bytes, extra],
          ],
        },
        {
          title: 'Changes',
          columns: ['change', 'ms', 'times', 'of', 'next request, times one on an unchanged matrix'],
          rows: changes.map(({ what, ms, ratio = null, to = '', next = null }) => [what, ms, ratio, to, next]),
        },
        {
          title: 'Requests on random rows',
          columns: ['rows in the set', 'of the time of a full scan'],
          rows: filters.map(({ share, ratio }) => [`${100 * share} %`, ratio]),
        },
        {
          title: 'Element types, as shares of float32, on one thread',
          columns: ['dtype', 'memory', 'time of a top-k'],
          rows: elementTypes.map(({ dtype, memory, time }) => [dtype, memory, time]),
        },
        {
          title: 'Files',
          columns: ['bytes', 'save ms', 'open ms', 'share of the file that a second process adds'],
          rows: [[files.bytes, files.saveMs, files.openMs, files.secondShare]],
        },
        {
          title: '50 clients, as a share of the rate of one call with 50 queries',
          columns: ['merged', 'each alone (coalesce: false)', 'requests answered together'],
          rows: [[clients.merged, clients.apart, clients.mergedRequests]],
        },
        {
          title:
            `Other libraries, ${peerSize.rows} x ${peerSize.dimensions}, each in a process of its own on Node 22, in ms. ` +
            'usearch searches approximately, the others exactly; sqlite-vec and LanceDB keep their data in files',
          columns: [
            ...['library', 'version', 'memory, share of the data', 'query', 'query, 10 % of the rows'],
            ...['add 1,000', 'delete 1,000', 'save', 'open and ask'],
          ],
          rows: peers.map((peer) => [
            ...[peer.name, peer.version, peer.share, peer.queryMs, peer.filteredMs, peer.addMs, peer.removeMs],
            ...[peer.saveMs, peer.openMs],
          ]),
        },
      ],
      goals,
    };
  },
};
