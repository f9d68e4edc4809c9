import { testContract } from './contract-suite.js';

testContract('swiftshader', /swiftshader/i);
