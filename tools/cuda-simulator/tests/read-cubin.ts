// Reads the kernel parameters from a cubin: an ELF file with a section `.nv.info.NAME` per kernel, a list of attributes. The
// attribute KPARAM_INFO has the number and the size of a parameter. NVIDIA does not document the format; this follows the
// public tools that read it (such as CuAssembler and the GPU disassemblers in LLVM's tests).

const KPARAM_INFO = 0x17;
/** Formats of an attribute: its value in the header, or behind it. */
const WITH_VALUE_BEHIND = 0x04;

/** Bytes of each parameter, by kernel. */
export function readKernelParameters(cubin: Buffer): Map<string, number[]> {
  const kernels = new Map<string, number[]>();
  for (const { name, content } of readSections(cubin)) {
    if (!name.startsWith('.nv.info.')) continue;
    const parameters: number[] = [];
    for (let at = 0; at < content.length;) {
      const format = content[at];
      const attribute = content[at + 1];
      const length = format === WITH_VALUE_BEHIND ? content.readUInt16LE(at + 2) : 0;
      if (attribute === KPARAM_INFO) {
        const ordinal = content.readUInt16LE(at + 8);
        parameters[ordinal] = content.readUInt32LE(at + 12) >>> 18;
      }
      at += 4 + length;
    }
    kernels.set(name.slice('.nv.info.'.length), parameters);
  }
  return kernels;
}

function* readSections(elf: Buffer): Generator<{ name: string; content: Buffer }> {
  const table = Number(elf.readBigUInt64LE(0x28));
  const entryBytes = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  const at = (index: number) => {
    const entry = elf.subarray(table + index * entryBytes);
    const offset = Number(entry.readBigUInt64LE(0x18));
    return {
      nameOffset: entry.readUInt32LE(0),
      content: elf.subarray(offset, offset + Number(entry.readBigUInt64LE(0x20))),
    };
  };
  const names = at(elf.readUInt16LE(0x3e)).content;
  for (let index = 1; index < count; index++) {
    const { nameOffset, content } = at(index);
    yield { name: names.toString('latin1', nameOffset, names.indexOf(0, nameOffset)), content };
  }
}
