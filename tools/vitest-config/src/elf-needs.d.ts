export interface UndefinedSymbol {
  readonly name: string;
  /** Such as `GLIBC_2.17`; null for a symbol that any library may define. */
  readonly version: string | null;
}

export interface ElfNeeds {
  /** File names of the libraries that the dynamic loader must load first. */
  readonly libraries: readonly string[];
  readonly undefinedSymbols: readonly UndefinedSymbol[];
  /** Every version that the dynamic loader checks, whether a symbol refers to it or not. */
  readonly versions: readonly string[];
}

/** Reads what a shared library of Linux needs from other libraries. Throws where the file cannot be read or is not ELF. */
export function readElfNeeds(path: string): ElfNeeds;
