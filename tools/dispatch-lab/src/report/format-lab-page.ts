import { format, resolveConfig } from 'prettier';
import { labPage } from './lab-page.js';
import type { ScenarioResult } from './scenario-result.js';

/** The page in the form of the repository: formatted by the rules for `path`. */
export async function formatLabPage(results: readonly ScenarioResult[], path: string): Promise<string> {
  return format(labPage(results), { ...(await resolveConfig(path)), parser: 'markdown' });
}
