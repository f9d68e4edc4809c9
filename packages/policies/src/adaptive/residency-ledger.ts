/** Entries that an operand may use. */
const WAYS = 4;
const KEPT_PER_NEWCOMER = 0.98;

/**
 * Adds up, per operand and device, what was lost by not having the operand on the device, until the sum has reached the
 * price of sending it there. Waiting for exactly that costs at most twice as much as knowing the future (the ski-rental
 * problem; A. Karlin et al., "Competitive snoopy caching", Algorithmica 3, 1988).
 *
 * Memory is bounded: each operand has four entries it may use, and where these are taken the one that lost the least is
 * replaced, which only delays a purchase.
 */
export class ResidencyLedger {
  readonly #mask: number;
  readonly #keys: Float64Array;
  readonly #devices: Int32Array;
  readonly #lossesMs: Float64Array;

  /** @param capacity operands that are followed at once; a power of two, at least 4. */
  constructor(capacity: number) {
    this.#mask = capacity - 1;
    this.#keys = new Float64Array(capacity).fill(NaN);
    this.#devices = new Int32Array(capacity);
    this.#lossesMs = new Float64Array(capacity);
  }

  /**
   * @param key of the operand and its version, see {@link ledgerKey}.
   * @returns true when the operand should be sent now; its account is closed then.
   */
  charge(key: number, device: number, lossMs: number, priceMs: number): boolean {
    const found = this.#find(key, device);
    const entry = found < 0 ? this.#open(key, device) : found;
    const lossesMs = this.#lossesMs[entry] + lossMs;
    const isPaid = lossesMs >= priceMs;
    if (isPaid) this.#keys[entry] = NaN;
    this.#lossesMs[entry] = isPaid ? 0 : lossesMs;
    return isPaid;
  }

  /** Milliseconds lost so far. */
  lossMs(key: number, device: number): number {
    const entry = this.#find(key, device);
    return entry < 0 ? 0 : this.#lossesMs[entry];
  }

  /** @returns -1 where there is no account. */
  #find(key: number, device: number): number {
    const first = this.#firstEntry(key, device);
    for (let i = 0; i < WAYS; i++) {
      const entry = (first + i) & this.#mask;
      if (this.#keys[entry] === key && this.#devices[entry] === device) return entry;
    }
    return -1;
  }

  #open(key: number, device: number): number {
    const first = this.#firstEntry(key, device);
    let entry = first;
    for (let i = 0; i < WAYS; i++) {
      const other = (first + i) & this.#mask;
      // Nothing was lost where there is no account.
      if (this.#lossesMs[other] < this.#lossesMs[entry] || this.#lossesMs[other] === 0) entry = other;
    }
    if (this.#lossesMs[entry] > 0) {
      // Each newcomer reduces the accounts it competes with a little, so that those no longer in use are replaced in time.
      for (let i = 0; i < WAYS; i++) this.#lossesMs[(first + i) & this.#mask] *= KEPT_PER_NEWCOMER;
    }
    this.#keys[entry] = key;
    this.#devices[entry] = device;
    this.#lossesMs[entry] = 0;
    return entry;
  }

  #firstEntry(key: number, device: number): number {
    const mixed = Math.imul((key % 0x1_0000_0000) | 0, 0x9e37_79b1) ^ Math.imul(device + 1, 0x85eb_ca6b);
    return (mixed ^ (mixed >>> 15)) & this.#mask;
  }
}

/** Of an operand's id, which may have 53 bits, as many bits as leave room for the version in a number. */
const ID_RANGE = 2 ** 41;

/** Versions of one operand are different data, so each has an account. */
export function ledgerKey(operandId: number, operandVersion: number): number {
  return (operandId % ID_RANGE) * 4096 + (operandVersion % 4096);
}
