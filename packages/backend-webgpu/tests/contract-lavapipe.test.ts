import { testContract } from './contract-suite.js';

testContract('lavapipe', /llvmpipe/i);
