import { relative } from 'node:path';

/**
 * Stryker's results for the mutants of some files, by file. Mutants that were skipped or do not compile are not counted.
 *
 * @param {readonly any[]} mutants from Stryker
 * @param {string} folder in which they were created
 * @param {ReadonlyMap<string, string>} texts of the requested files
 * @returns {Map<string, { killed: number, timeout: number, survivors: Survivor[] }>} for each of these files
 *
 * @typedef {{ key: string, line: number, status: 'survived' | 'no coverage', mutator: string, original: string, replacement: string }} Survivor
 */
export function readMutants(mutants, folder, texts) {
  const results = new Map([...texts.keys()].map((file) => [file, { killed: 0, timeout: 0, survivors: [] }]));
  const inOrder = mutants
    .map((mutant) => ({ ...mutant, file: relative(folder, mutant.fileName).replaceAll('\\', '/') }))
    // Results of other files come from earlier runs.
    .filter(({ file }) => texts.has(file))
    .sort((a, b) => a.location.start.line - b.location.start.line || a.location.start.column - b.location.start.column);
  for (const { file, status, mutatorName, location, replacement } of inOrder) {
    const result = results.get(file);
    if (status === 'Killed') result.killed++;
    if (status === 'Timeout') result.timeout++;
    if (status !== 'Survived' && status !== 'NoCoverage') continue;
    const original = oneLine(textAt(texts.get(file), location));
    result.survivors.push({
      key: '',
      line: location.start.line,
      status: status === 'Survived' ? 'survived' : 'no coverage',
      mutator: mutatorName,
      original,
      replacement: oneLine(replacement),
    });
  }
  for (const [file, { survivors }] of results) nameSurvivors(file, survivors);
  return results;
}

/** The key contains the original and its replacement but no line, so that it stays the same when code around it moves. */
function nameSurvivors(file, survivors) {
  const counts = new Map();
  for (const survivor of survivors) {
    const key = `${file}: ${shortened(survivor.original)} -> ${shortened(survivor.replacement)}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    survivor.key = count === 1 ? key : `${key} (${count})`;
  }
}

function textAt(text, { start, end }) {
  const lines = text.split('\n').slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  return lines.join('\n');
}

function oneLine(text) {
  return text.trim().replaceAll(/\s+/g, ' ');
}

function shortened(text) {
  return text.length <= 100 ? text : `${text.slice(0, 60)} ... ${text.slice(-35)}`;
}
