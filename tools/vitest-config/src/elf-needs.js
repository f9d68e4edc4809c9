import { readFileSync } from 'node:fs';

const UNDEFINED_SECTION = 0;
const DYNAMIC = 6;
const DYNAMIC_SYMBOLS = 11;
const VERSION_NEEDS = 0x6ffffffe;
const SYMBOL_VERSIONS = 0x6fffffff;
const DT_NEEDED = 1;

/** What a shared library (ELF, 64 bits, little-endian) needs from others: see the types beside this file. */
export function readElfNeeds(path) {
  const elf = readFileSync(path);
  const sections = readSections(elf);
  const find = (type) => sections.find((section) => section.type === type);
  const symbols = find(DYNAMIC_SYMBOLS);
  const names = sections[symbols.link].content;
  const dynamic = find(DYNAMIC).content;

  const libraries = [];
  for (let at = 0; at < dynamic.length; at += 16) {
    if (Number(dynamic.readBigUInt64LE(at)) === DT_NEEDED) {
      libraries.push(textAt(names, Number(dynamic.readBigUInt64LE(at + 8))));
    }
  }
  const versions = readVersions(find(VERSION_NEEDS)?.content, names);
  const versionOfSymbol = find(SYMBOL_VERSIONS)?.content;
  const undefinedSymbols = [];
  for (let index = 1; index * 24 < symbols.content.length; index++) {
    const symbol = symbols.content.subarray(index * 24);
    if (symbol.readUInt16LE(6) !== UNDEFINED_SECTION) continue;
    const version = versions.get(versionOfSymbol?.readUInt16LE(index * 2) ?? 0) ?? null;
    undefinedSymbols.push({ name: textAt(names, symbol.readUInt32LE(0)), version });
  }
  return { libraries, undefinedSymbols, versions: [...versions.values()] };
}

function readSections(elf) {
  const table = Number(elf.readBigUInt64LE(0x28));
  const entryBytes = elf.readUInt16LE(0x3a);
  return Array.from({ length: elf.readUInt16LE(0x3c) }, (_, index) => {
    const entry = elf.subarray(table + index * entryBytes);
    const offset = Number(entry.readBigUInt64LE(0x18));
    const content = elf.subarray(offset, offset + Number(entry.readBigUInt64LE(0x20)));
    return { type: entry.readUInt32LE(4), link: entry.readUInt32LE(0x28), content };
  });
}

/** Names of the needed versions by the number that symbols refer to them by: a list of libraries, each a list of versions. */
function readVersions(needs, names) {
  const versions = new Map();
  if (needs === undefined) return versions;
  for (let library = 0, next = -1; next !== 0; library += next) {
    let at = library + needs.readUInt32LE(library + 8);
    for (let left = needs.readUInt16LE(library + 2); left > 0; left--) {
      versions.set(needs.readUInt16LE(at + 6), textAt(names, needs.readUInt32LE(at + 8)));
      at += needs.readUInt32LE(at + 12);
    }
    next = needs.readUInt32LE(library + 12);
  }
  return versions;
}

function textAt(names, offset) {
  return names.toString('latin1', offset, names.indexOf(0, offset));
}
