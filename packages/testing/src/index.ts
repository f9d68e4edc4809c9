export {
  createFakeGpuBackend,
  type FakeCall,
  type FakeGpuBackend,
  type FakeGpuOptions,
  type FakeOutcome,
  type LoggedCall,
} from './backends/fake-gpu-backend.js';
export { createManualClock, type FakeClock, type ManualClock } from './backends/fake-clock.js';
export { createOracleBackend } from './backends/oracle-backend.js';
export { createPlacingBackend, type PlacingBackend } from './backends/placing-backend.js';
export { runCheck, type ContractCheck, type Subject } from './contract/contract-check.js';
export { contractChecks } from './contract/contract-checks.js';
export { AccurateSum } from './oracle/accurate-sum.js';
export { oracleRanking, type OracleEntry } from './oracle/oracle-ranking.js';
export { oracleScore, oracleScores, type OracleScore } from './oracle/oracle-scores.js';
export { oracleSpread } from './oracle/oracle-spread.js';
export { powerLawGraph, uniformGraph, type GraphOptions } from './random/random-graphs.js';
export { clusteredValues, randomValues, type ClusteredOptions } from './random/random-vectors.js';
export { createRandom, type SeededRandom } from './random/seeded-random.js';
export { SPECIAL_ELEMENTS, specialRows } from './special-values.js';
