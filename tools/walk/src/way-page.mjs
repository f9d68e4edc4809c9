import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { GOALS } from './goals.mjs';
import { recordWalk, WARM_UP_REQUESTS } from './record-walk.mjs';

const PAGE = fileURLToPath(new URL('../../../docs/way-of-a-request.md', import.meta.url));

/** Records the three ways of a `topK` and writes the page. Returns the exit code. */
export async function writePage() {
  writeFileSync(PAGE, await formatWayPage(await recordWays()));
  return 0;
}

/** Compares the page with a newly generated one. Returns the exit code. */
export async function checkPage() {
  const walks = await recordWays();
  if (walks.some(({ cpuSource }) => cpuSource === 'portable')) {
    console.error('docs/way-of-a-request.md is not compared: the native addon was not built on this machine');
    return 0;
  }
  if ((await formatWayPage(walks)) === readPage()) return 0;
  console.error('docs/way-of-a-request.md is stale: run npm run walk -- --docs');
  return 1;
}

async function recordWays() {
  const walks = [];
  for (const way of Object.keys(GOALS)) walks.push(await recordWalk({ operation: 'topK', way }));
  return walks;
}

/** @param {readonly import('./record-walk.mjs').Walk[]} walks of `topK` */
export async function formatWayPage(walks) {
  const totals = walks.map(({ way, totals, goal }) => {
    const most = `${goal.files} files, ${goal.functions} functions`;
    return `| ${GOALS[way].title} | ${totals.files} | ${totals.functions} | ${totals.calls.toLocaleString('en-US')} | ${most} | ${goal.met ? 'met' : 'missed'} |`;
  });
  const page = `# The way of a request

What runs between \`executor.topK(query, matrix, { k })\` and its result. The lists below are recorded from real requests, so they show every
file and function of Gearshift that a request uses, and none that it does not use. This page is written by \`npm run walk -- --docs\`.

In short: the facade turns arguments into a request, contracts check it, the dispatcher asks its policy for a device, the
device's backend does the work, the tracker records how long it took, and the policy learns from that. A GPU adds the parts that
guard it: memory limits, the circuit breaker, and the time limit for a device that hangs. A request that does not fit in GPU
memory is split into chunks.

To follow another request, or to see line numbers:

\`\`\`sh
npm run walk -- topK                       # on the CPU alone
npm run walk -- topK --device gpu          # on a simulated GPU
npm run walk -- cosineSimilarity --pieces  # on that GPU, with memory for a third of the request
npm run walk -- topK --policy pinned       # with another policy than the default
npm run walk -- topK --json
\`\`\`

## How it is counted

- The request is warm: \`topK\` ran ${WARM_UP_REQUESTS} times before, so the policy knows the devices and the operand is resident. With a
  CPU alone it then learns from one request in 16. Of the next nine requests the most frequent way is shown.
- A function counts when it runs: functions, methods, accessors, constructors and callbacks. Calls are counted once each; an async
  function that continues after an \`await\` is the same call. Constructors that a class does not declare are left out.
- Files and functions of Node.js and of the simulated GPU (\`@gearshift/testing\`) are left out. What the GPU calls in contracts counts, as it
  does for a real GPU.
- The clock of the process advances by the same step at every reading, so every machine with the native addon gets the same lists. A test
  compares the functions with the precise coverage of V8.

## Totals

| way | files | functions | calls | goal: at most | |
| --- | ---: | ---: | ---: | --- | --- |
${totals.join('\n')}

${walks.map(formatWay).join('\n')}`;
  return format(page, { ...(await resolveConfig(PAGE)), parser: 'markdown' });
}

function formatWay({ way, packages, functions }) {
  const summary = packages.map(({ package: name, files, functions }) => `| ${name} | ${files} | ${functions} |`);
  const files = [...new Set(functions.map(({ file }) => file))];
  const rows = files.map((file, index) => {
    const members = functions.filter((each) => each.file === file);
    const names = members.map(({ name, calls }) => `\`${name}\`${calls === 1 ? '' : ` x ${calls}`}`);
    return `| ${index + 1} | [${file.replace('/src/', '/')}](../packages/${file}) | ${names.join(', ')} |`;
  });
  return `## ${GOALS[way].title[0].toUpperCase()}${GOALS[way].title.slice(1)}

| package | files | functions |
| --- | ---: | ---: |
${summary.join('\n')}

In the order in which the request first enters each file and function:

| | file | functions |
| ---: | --- | --- |
${rows.join('\n')}
`;
}

function readPage() {
  try {
    return readFileSync(PAGE, 'utf8');
  } catch {
    return '';
  }
}
