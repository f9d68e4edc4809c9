import { fileURLToPath } from 'node:url';
import * as parser from '@typescript-eslint/parser';
import { RuleTester } from 'eslint';
import { afterAll, describe, it } from 'vitest';
import { noIgnoredResult } from '../src/index.mjs';

const statics = RuleTester as unknown as { describe: unknown; it: unknown; afterAll: unknown };
Object.assign(statics, { describe, it, afterAll });

const folder = fileURLToPath(new URL('.', import.meta.url));
const tester = new RuleTester({
  languageOptions: {
    parser,
    parserOptions: {
      project: './tsconfig.json',
      tsconfigRootDir: folder,
      // Each case has another text for the same file: a parser that reads the file once, as in CI, would lose the types.
      disallowAutomaticSingleRunInference: true,
    },
  },
});

const prelude = `
type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };
declare function load(): Result<number, string>;
declare function loadLater(): Promise<Result<number, string>>;
declare function count(): number;
declare const maybe: { load(): Result<number, string> } | undefined;
declare const ready: boolean;
`;
// The code is linted under the name of this file, which is part of the project.
const filename = fileURLToPath(import.meta.url);
const errors = [{ messageId: 'ignored' }];
const valid = (code: string) => ({ code: prelude + code, filename });
const invalid = (code: string, count = 1) => ({ code: prelude + code, filename, errors: Array(count).fill(errors[0]) });

tester.run('no-ignored-result', noIgnoredResult as never, {
  valid: [
    valid('count();'),
    valid('const result = load();'),
    valid('let result = load(); result = load();'),
    valid('if (load().ok) count();'),
    valid('void load();'),
    valid('function relay() { return load(); }'),
    valid('loadLater();'),
    valid('declare const response: { ok: boolean; value: number }; declare function get(): typeof response; get();'),
  ],
  invalid: [
    invalid('load();'),
    invalid('await loadLater();'),
    invalid('maybe?.load();'),
    invalid('ready && load();'),
    invalid('ready ? load() : load();', 2),
    invalid('(count(), load());'),
    // The name is lost, the shape is not.
    invalid(
      "function parse() { return ready ? { ok: true as const, value: 1 } : { ok: false as const, error: '' }; } parse();",
    ),
    invalid('declare function fail(): { ok: false; error: string }; fail();'),
  ],
});
