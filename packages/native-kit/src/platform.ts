import { detectLibc } from './libc.js';

/** `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, `win32-x64`: part of the names of prebuilt addons and their packages. */
export function currentPlatform(): string {
  const libc = detectLibc();
  return `${process.platform}-${process.arch}${libc === null ? '' : `-${libc}`}`;
}
