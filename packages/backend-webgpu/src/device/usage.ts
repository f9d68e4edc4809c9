/** Uses of buffers and modes of mapping, as numbers of the WebGPU standard (section "Buffers"). */
export const BUFFER_USAGE = {
  mapRead: 0x01,
  copySource: 0x04,
  copyTarget: 0x08,
  uniform: 0x40,
  storage: 0x80,
  resolveQueries: 0x200,
} as const;
export const MAP_READ = 1;
