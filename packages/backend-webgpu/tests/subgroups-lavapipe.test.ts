import { testSubgroups } from './subgroups-suite.js';

testSubgroups('lavapipe', [2, 8], 8);
