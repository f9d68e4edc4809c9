import { CONTENDERS } from '../contenders/contenders.js';
import { TRACES } from '../traces/create-trace.js';
import { WORLDS, type WorldName } from '../world.js';
import { judge } from './goals.js';
import type { ScenarioResult } from './scenario-result.js';

const METHOD = `# The dispatch laboratory

Does it choose well? The laboratory answers with a number: \`npm run lab\` runs policies over workload traces and prints
how much time each lost against an oracle. This page is written from the results it left in
[dispatch-lab/](dispatch-lab): \`npm run lab -- --json docs/dispatch-lab/results.json --plot docs/dispatch-lab\`, then
\`node tools/dispatch-lab/dist/write-docs.js\`.

What is measured is the dispatcher as it is shipped: policy, circuit breaker, residency and splitting. Only the two
devices under it are simulated, in virtual time: a speed curve for each shape of request, an upload line, memory that
others use too, a queue, and faults. A trace of 4,000 requests takes a fraction of a second, comes out the same
to the last bit on every machine, and says nothing about how fast this machine is. The simulated devices are of a
server: one core scans 768 dimensions in 0.1 microseconds a row, the GPU reads 2.5 TB/s behind a bus of 12 GB/s.

**Regret** is the time that requests took over what the oracle's choices take, in percent: the median over seeds 1 to 11,
with the worst seed in brackets. Noise is drawn once for each request and device and shared by all policies, so that a
difference between two of them is a difference of choice.

**The oracle** takes the device of the lower expected time, uploads included. It knows the true speeds at every moment,
which calls will fail and how much memory is free; in T4 it knows which data will come up again; in T8 it takes the
device that will be done first, by true times. Only noise it does not foresee.

Two shapes of request: \`scan\` is one query over the rows, bound by memory; \`pair\` is 64 queries, bound by arithmetic.
Two worlds:

| world | noise | spikes | steps |
| --- | --- | --- | --- |
| linear | log-normal, ${WORLDS.linear.deviation} | ${percentOf(WORLDS.linear.spikeRate)} % x${WORLDS.linear.spikeFactor} | none |
| hard | log-normal, ${WORLDS.hard.deviation} | ${percentOf(WORLDS.hard.spikeRate)} % x${WORLDS.hard.spikeFactor} | CPU x1.6 above 2,048 rows, GPU in waves of 8,192 rows, upload at half speed above 32 MB |
`;

const TRY_YOUR_OWN = `## A policy of your own

\`npm run lab -- --world hard --policy ./my-policy.mjs\`, where the module's default export makes a policy that
implements \`DispatchPolicy\`. \`--reasons\` also prints what each choice lost, and where the worst of it happened.
`;

/** docs/dispatch-lab.md, before formatting. */
export function labPage(results: readonly ScenarioResult[]): string {
  const worlds = [...new Set(results.map(({ world }) => world))];
  return [
    METHOD,
    '## Traces\n',
    table(
      ['trace', '', 'conditions'],
      TRACES.map(({ name, title, conditions }) => [name, title, conditions]),
    ),
    '## Policies\n',
    table(
      ['policy', 'what it does'],
      CONTENDERS.map(({ name, description }) => [`\`${name}\``, description]),
    ),
    ...worlds.map((world) =>
      sectionOf(
        world,
        results.filter((result) => result.world === world),
      ),
    ),
    TRY_YOUR_OWN,
  ].join('\n');
}

function sectionOf(world: WorldName, results: readonly ScenarioResult[]): string {
  const traces = TRACES.filter(({ name }) => results.some(({ trace }) => trace === name));
  const policies = [...new Set(results.map(({ policy }) => policy))];
  const find = (trace: string, policy: string) =>
    results.find((result) => result.trace === trace && result.policy === policy);
  const verdicts = judge(results);
  return [
    `## The ${world} world\n`,
    table(
      ['regret %', ...traces.map(({ name }) => name)],
      policies.map((policy) => [`\`${policy}\``, ...traces.map(({ name }) => regretOf(find(name, policy)))]),
    ),
    table(
      ['failed attempts', ...traces.map(({ name }) => name)],
      policies.map((policy) => [`\`${policy}\``, ...traces.map(({ name }) => failuresOf(find(name, policy)))]),
    ),
    ...(verdicts.length === 0
      ? []
      : [
          'What the default policy has to reach, chosen before it was written:\n',
          table(
            ['trace', 'goal', 'measured', 'verdict'],
            verdicts.map(({ trace, goal, measured, held }) => [trace, goal, measured, held ? 'held' : 'MISS']),
          ),
        ]),
    ...traces.map(({ name, title }) => `![${name} ${title}, ${world} world](dispatch-lab/${name}-${world}.svg)\n`),
  ].join('\n');
}

function regretOf(result: ScenarioResult | undefined): string {
  return result === undefined ? '' : `${result.regretPercent.toFixed(1)} (${result.worstPercent.toFixed(1)})`;
}

function failuresOf(result: ScenarioResult | undefined): string {
  if (result === undefined) return '';
  const { failedAttempts, outOfMemory } = result;
  return outOfMemory === 0 ? String(failedAttempts) : `${failedAttempts} (${outOfMemory} out of memory)`;
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`;
  return `${[line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

function percentOf(share: number): number {
  return Math.round(share * 100);
}
