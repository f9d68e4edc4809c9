export { EXIT_CODES, runCli } from './run-cli.js';
export type { TextSearchReport, VectorSearchReport } from './output/search-report.js';
export type { Terminal } from './terminal.js';
