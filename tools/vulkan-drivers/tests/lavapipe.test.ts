import { testDriver } from './driver-suite.js';

testDriver('lavapipe', /llvmpipe/i);
