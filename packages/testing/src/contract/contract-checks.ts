import { companionChecks } from './companion-checks.js';
import type { ContractCheck } from './contract-check.js';
import { elementChecks } from './element-checks.js';
import { lifecycleChecks } from './lifecycle-checks.js';
import { minScoreChecks } from './min-score-checks.js';
import { placedChecks } from './placed-checks.js';
import { residencyChecks } from './residency-checks.js';
import { rowFilterChecks } from './row-filter-checks.js';
import { scoreChecks } from './score-checks.js';
import { semanticsChecks } from './semantics-checks.js';
import { spreadChecks } from './spread-checks.js';
import { topKChecks } from './top-k-checks.js';
import { validationChecks } from './validation-checks.js';

/** All requirements for every backend. */
export const contractChecks: readonly ContractCheck[] = [
  ...semanticsChecks,
  ...scoreChecks,
  ...topKChecks,
  ...elementChecks,
  ...rowFilterChecks,
  ...minScoreChecks,
  ...spreadChecks,
  ...validationChecks,
  ...lifecycleChecks,
  ...residencyChecks,
  ...companionChecks,
  ...placedChecks,
];
