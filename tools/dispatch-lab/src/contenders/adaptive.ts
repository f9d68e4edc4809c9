import { adaptivePolicy } from '@gearshift/policies';
import { JUDGED_POLICY } from '../report/goals.js';
import type { Contender } from './contender.js';

export const adaptive: Contender = {
  name: JUDGED_POLICY,
  description:
    'the default: predicted time for this very request, residency paid for by savings, exploration on a budget',
  create: () => ({ policy: adaptivePolicy() }),
};
