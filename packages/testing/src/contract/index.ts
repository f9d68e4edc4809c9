export { runCheck, type ContractCheck, type Subject } from './contract-check.js';
export { contractChecks } from './contract-checks.js';
