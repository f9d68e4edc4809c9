// An input of Nx's cache: a native target is rebuilt when the platform or the tools change, including from "none" to "some".
import { findToolchain } from './toolchain.mjs';

const { found, missing } = findToolchain();
console.log(
  [
    `${process.platform}-${process.arch}`,
    ...found.map(({ version }) => version),
    ...missing.map((name) => `no ${name}`),
  ].join('\n'),
);
