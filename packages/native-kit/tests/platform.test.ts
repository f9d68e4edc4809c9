import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { currentPlatform, detectLibc } from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'gearshift-libc-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A program of 64-bit ELF that names this dynamic loader in its second program header, or none. */
function writeProgram(name: string, loader: string | null): string {
  const file = Buffer.alloc(4096);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]).copy(file);
  file.writeBigUInt64LE(64n, 32); // program headers follow the header
  file.writeUInt16LE(2, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(loader === null ? 2 : 3, 120); // PT_DYNAMIC or PT_INTERP
  file.writeBigUInt64LE(1000n, 128);
  file.writeBigUInt64LE(BigInt(loader?.length ?? 0), 152);
  file.write(loader ?? '', 1000, 'latin1');
  file.write('/lib/ld-musl-x86_64.so.1', 2000, 'latin1'); // elsewhere in the file it is ignored
  const path = join(folder, name);
  writeFileSync(path, file);
  return path;
}

test('currentPlatform() contains the system, the architecture and, on Linux, the C library', () => {
  expect(currentPlatform()).toMatch(new RegExp(`^${process.platform}-${process.arch}(-(gnu|musl))?$`));
  expect(currentPlatform().split('-')).toHaveLength(process.platform === 'linux' ? 3 : 2);
});

test.skipIf(process.platform !== 'linux')('detectLibc() returns the C library of the diagnostic report', () => {
  const { header } = process.report.getReport() as { header: object };
  expect(detectLibc()).toBe('glibcVersionRuntime' in header ? 'gnu' : 'musl');
});

test.skipIf(process.platform !== 'linux').for([
  ['/lib64/ld-linux-x86-64.so.2', 'gnu'],
  ['/lib/ld-linux-aarch64.so.1', 'gnu'],
  ['/nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2', 'gnu'],
  ['/lib/ld-musl-x86_64.so.1', 'musl'],
  ['/lib/ld-musl-aarch64.so.1', 'musl'],
  [null, 'gnu'],
] as const)('detectLibc() of a program with the dynamic loader %s returns %s', ([loader, libc]) => {
  expect(detectLibc(writeProgram('program', loader))).toBe(libc);
});

test.skipIf(process.platform !== 'linux')('detectLibc() assumes glibc when the program cannot be read', () => {
  expect(detectLibc('/nowhere/node')).toBe('gnu');
  const text = join(folder, 'text');
  writeFileSync(text, '#!/bin/sh /lib/ld-musl-x86_64.so.1');
  expect(detectLibc(text)).toBe('gnu');
  const cut = join(folder, 'cut');
  writeFileSync(cut, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]));
  expect(detectLibc(cut)).toBe('gnu');
});
