import { testDriver } from './driver-suite.js';

testDriver('swiftshader', /swiftshader/i);
