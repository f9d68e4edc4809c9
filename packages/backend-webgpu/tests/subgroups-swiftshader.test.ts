import { testSubgroups } from './subgroups-suite.js';

testSubgroups('swiftshader', [4], undefined);
