import { pinnedPolicy } from '@gearshift/policies';
import type { Contender } from './contender.js';

export const alwaysCpu: Contender = {
  name: 'always-cpu',
  description: 'never asks the GPU',
  create: () => ({ policy: pinnedPolicy('cpu') }),
};

export const alwaysGpu: Contender = {
  name: 'always-gpu',
  description: 'never asks the CPU unless the GPU failed; sends data anew for each request',
  create: () => ({ policy: pinnedPolicy('gpu:0') }),
};
