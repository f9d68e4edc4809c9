import { rmSync } from 'node:fs';

/**
 * Removes a file if the process ends, for example by Ctrl-C, which `main.ts` answers with `process.exit`.
 *
 * @returns call it when the file is complete or gone
 */
export function removeOnExit(path: string): () => void {
  const remove = (): void => rmSync(path, { force: true });
  process.once('exit', remove);
  return () => void process.removeListener('exit', remove);
}
