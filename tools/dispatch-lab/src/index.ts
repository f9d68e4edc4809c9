export { createTrace, TRACES } from './traces/create-trace.js';
