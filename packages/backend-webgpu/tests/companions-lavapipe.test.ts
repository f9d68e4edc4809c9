import { testCompanions } from './companion-suite.js';

testCompanions('lavapipe');
