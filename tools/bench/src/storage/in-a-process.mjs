import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs a script of this folder in a process of its own and returns what it prints as JSON. */
export function inAProcess(script, args, nodeOptions = ['--expose-gc']) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...nodeOptions, path, ...args.map(String)], (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(new Error(`${script} ${args.join(' ')}: ${stderr || error.message}`));
    });
  });
}
