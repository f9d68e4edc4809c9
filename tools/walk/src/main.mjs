// node tools/walk/src/main.mjs OPERATION [--device gpu] [--pieces] [--policy pinned] [--json]
// node tools/walk/src/main.mjs --docs [--check]
//
// Prints the files and functions of our packages that one warm request crosses, in the order of the first call, with totals. With --docs
// it writes docs/way-of-a-request.md instead; --check compares that page and exits with 1 when it is stale.
import { parseArgs } from 'node:util';
import { describeWalk } from './describe-walk.mjs';
import { recordWalk } from './record-walk.mjs';
import { OPERATIONS, POLICIES, wayOf } from './scenario.mjs';
import { checkPage, writePage } from './way-page.mjs';

const USAGE = `npm run walk -- OPERATION [--device gpu] [--pieces] [--policy ${POLICIES.join('|')}] [--json]
npm run walk -- --docs [--check]

OPERATION is one of ${OPERATIONS.join(', ')}.
  --device gpu   on a GPU, which is simulated; default: on the CPU alone
  --pieces       on that GPU, with so little memory that the request runs in about three pieces
  --policy NAME  ${POLICIES[0]} is what users get by default
  --json         the same as JSON
  --docs         writes docs/way-of-a-request.md; with --check it only compares
`;

const { values: options, positionals } = parse();
if (options.help) {
  console.log(USAGE);
} else if (options.docs) {
  process.exitCode = options.check ? await checkPage() : await writePage();
} else {
  const [operation] = positionals;
  const way = wayOf(options);
  const walk = await recordWalk({ operation, way, policy: options.policy });
  console.log(options.json ? JSON.stringify(walk, null, 2) : describeWalk(walk));
}

function parse() {
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: {
        device: { type: 'string', default: 'cpu' },
        pieces: { type: 'boolean', default: false },
        policy: { type: 'string', default: POLICIES[0] },
        json: { type: 'boolean', default: false },
        docs: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const { values, positionals } = parsed;
    if (values.help || values.docs) return parsed;
    if (!OPERATIONS.includes(positionals[0])) throw new Error(`expected an operation, got ${positionals[0] ?? 'none'}`);
    if (!['cpu', 'gpu'].includes(values.device)) throw new Error(`--device: expected cpu or gpu, got ${values.device}`);
    if (!POLICIES.includes(values.policy)) throw new Error(`--policy: unknown policy ${values.policy}`);
    return parsed;
  } catch (mistake) {
    console.error(`${mistake.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
