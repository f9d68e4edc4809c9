export { explore, type Exploration, type ExploreOptions } from './explore.js';
export type { Outcome, Program, ProgramThread, ThreadOutcome } from './program.js';
export type { ThreadMemory } from './thread-memory.js';
