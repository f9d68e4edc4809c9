import { relative } from 'node:path';
import { BaseSequencer } from 'vitest/node';

/**
 * Runs quick test files first: the first failing test ends the run of a mutant, and most mutants fail a quick test. By default vitest begins
 * with the longest files. Durations are those of the first known run, because later runs contain only the tests that a mutant needs.
 */
export class ShortestFirst extends BaseSequencer {
  #durations = new Map();

  async sort(files) {
    for (const { project, moduleId } of files) {
      const { duration } =
        this.ctx.cache.getFileTestResults(`${project.name}:${relative(this.ctx.config.root, moduleId)}`) ?? {};
      if (duration !== undefined && !this.#durations.has(moduleId)) this.#durations.set(moduleId, duration);
    }
    const durationOf = ({ moduleId }) => this.#durations.get(moduleId) ?? 0;
    return files.toSorted((a, b) => durationOf(a) - durationOf(b));
  }
}
