import { parseArgs } from 'node:util';
import { TRACES } from './traces/create-trace.js';
import type { TraceDefinition } from './traces/trace.js';
import { WORLDS, type World } from './world.js';

export const LAB_USAGE = `npm run lab -- [--world linear|hard] [--trace NAME]... [--seeds 11] [--policy NAME|MODULE]... [--json FILE] [--plot FOLDER]

  --world    one world; both without it
  --trace    one trace of ${TRACES.map(({ name }) => name).join(', ')}; all without it
  --seeds    how many seeds each is run with; default 11
  --policy   one of the lab's, or the path of a module that exports a policy factory; all of the lab's without it
  --requests how many requests each trace has; default 4000
  --json     write the results there
  --plot     write one SVG for each trace and world there
  --reasons  also print, for each policy, how often it gave which reason and what its choices lost`;

export interface LabArguments {
  readonly worlds: readonly World[];
  readonly traces: readonly TraceDefinition[];
  readonly seeds: number;
  readonly policies: readonly string[];
  readonly requestCount: number | undefined;
  readonly json: string | undefined;
  readonly plot: string | undefined;
  readonly reasons: boolean;
}

/** @throws RangeError or TypeError that names the invalid argument. */
export function parseLabArguments(args: readonly string[]): LabArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      world: { type: 'string', multiple: true },
      trace: { type: 'string', multiple: true },
      seeds: { type: 'string', default: '11' },
      policy: { type: 'string', multiple: true, default: [] },
      requests: { type: 'string' },
      json: { type: 'string' },
      plot: { type: 'string' },
      reasons: { type: 'boolean', default: false },
    },
  });
  return {
    worlds: pick('world', values.world, Object.values(WORLDS)),
    traces: pick('trace', values.trace, TRACES),
    seeds: wholeNumber('seeds', values.seeds),
    policies: values.policy,
    requestCount: values.requests === undefined ? undefined : wholeNumber('requests', values.requests),
    json: values.json,
    plot: values.plot,
    reasons: values.reasons,
  };
}

function pick<T extends { readonly name: string }>(
  option: string,
  wanted: readonly string[] | undefined,
  all: readonly T[],
): readonly T[] {
  if (wanted === undefined) return all;
  return wanted.map((name) => {
    const found = all.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return found;
    throw new RangeError(`--${option}: expected one of ${all.map((one) => one.name).join(', ')}, got '${name}'`);
  });
}

function wholeNumber(option: string, value: string): number {
  if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
  throw new RangeError(`--${option}: expected a whole number from 1, got '${value}'`);
}
