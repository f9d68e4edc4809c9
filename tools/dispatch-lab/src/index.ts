export { CONTENDERS, findContender } from './contenders/contenders.js';
export type { Contender, ContenderParts } from './contenders/contender.js';
export type { ScenarioCurve, ScenarioResult } from './report/scenario-result.js';
export { runScenario, type Scenario } from './run-lab.js';
export { simulate, type Simulation } from './simulate.js';
export { createTrace, TRACES } from './traces/create-trace.js';
export { WORLDS, type World } from './world.js';
export { createZeroMemory } from './zero-memory.js';
