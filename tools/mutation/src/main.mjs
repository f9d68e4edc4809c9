// node tools/mutation/src/main.mjs PACKAGE... [--changed] [--force] [--explain] [--concurrency 2]
//
// Changes the sources of a package one by one and counts the changes (mutants) that its tests find. Writes docs/mutation/PACKAGE.json after
// every group of files, and the page docs/reliability.md at the end.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTATED_PACKAGES } from './mutated-packages.mjs';
import { mutatePackage } from './mutate-package.mjs';

const WRITE_PAGE = fileURLToPath(new URL('../../reliability/src/write-docs.mjs', import.meta.url));
const USAGE = `npm run mutation -- PACKAGE... [--changed] [--force] [--explain] [--concurrency 2]

PACKAGE is one of ${MUTATED_PACKAGES.join(', ')}. Without an option, files are mutated that were not measured with
the sources and tests as they are now; an interrupted run continues where it stopped.
  --changed      only files with a source that has changed since it was measured
  --force        all files, without results of earlier runs
  --explain      mutates nothing; looks up tools/mutation/explanations/PACKAGE.json again
  --concurrency  mutants that are tried at the same time
`;

const { options, names } = parse();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
for (const name of names) {
  const { goal, score, killed, timeout, survived, noCoverage, explained, filesMeasured, filesChanged, filesInAll } =
    await mutatePackage(name, {
      ...options,
      log: (message) => console.error(message),
    });
  const alive = survived + noCoverage;
  console.log(
    `${name}: score ${score ?? 'none'} (goal ${goal}), ${killed + timeout} found, ${alive} survived (${noCoverage} not covered), ` +
      `${explained} explained, ${filesMeasured} of ${filesInAll} files measured, ${filesChanged} of them changed since`,
  );
}
process.exitCode = spawnSync(process.execPath, [WRITE_PAGE], { stdio: ['ignore', 2, 2] }).status ?? 1;

function parse() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        changed: { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
        explain: { type: 'boolean', default: false },
        concurrency: { type: 'string', default: '2' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (positionals.length === 0) throw new Error('expected a package, got none');
    const unknown = positionals.filter((name) => !MUTATED_PACKAGES.includes(name));
    if (unknown.length > 0) throw new Error(`expected packages that are mutated, got ${unknown.join(', ')}`);
    const concurrency = Number(values.concurrency);
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new Error(`--concurrency: expected a whole number from 1, got ${values.concurrency}`);
    }
    return { options: { ...values, concurrency }, names: positionals };
  } catch (mistake) {
    console.error(`${mistake.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
