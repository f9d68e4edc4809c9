const STAY = 1;

/** The answer to a worker that is about to leave: whether it should wait until its shards are on others. */
export function encodeHandOver(stay: boolean): Uint8Array {
  return Uint8Array.of(stay ? STAY : 0);
}

/** Whether a coordinator answered that it should. */
export function isStayWanted(data: Uint8Array): boolean {
  return data.byteLength === 1 && data[0] === STAY;
}
