import { GOALS } from './goals.mjs';

/**
 * A walk as text: a line for each function, then the totals.
 *
 * @param {import('./record-walk.mjs').Walk} walk
 */
export function describeWalk({ operation, way, policy, gpuCalls, totals, goal, packages, functions }) {
  const width = Math.max(...functions.map(({ file, line }) => `${file}:${line}`.length));
  const steps = functions.map(({ file, line, name, calls }, index) => {
    const number = String(index + 1).padStart(4);
    return `${number}  ${`${file}:${line}`.padEnd(width)}  ${name}${calls === 1 ? '' : ` x ${calls}`}`;
  });
  const rows = [...packages, { package: 'total', ...totals }].map(
    (row) =>
      `${row.package.padEnd(20)} ${[row.files, row.functions, row.calls].map((each) => String(each).padStart(9)).join(' ')}`,
  );
  const lines = [
    `A warm ${operation} ${GOALS[way].title}, ${policy} policy${gpuCalls > 0 ? `, ${gpuCalls} calls of the GPU` : ''}`,
    '',
    ...steps,
    '',
    `${'package'.padEnd(20)} ${['files', 'functions', 'calls'].map((each) => each.padStart(9)).join(' ')}`,
    ...rows,
  ];
  if (goal !== null) {
    lines.push('', `goal: at most ${goal.files} files and ${goal.functions} functions: ${goal.met ? 'met' : 'missed'}`);
  }
  return lines.join('\n');
}
