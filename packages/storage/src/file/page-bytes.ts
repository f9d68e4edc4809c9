/** The largest page of memory in use: what begins on a multiple of it can be mapped anywhere. */
export const LARGE_PAGE_BYTES = 2 ** 16;
