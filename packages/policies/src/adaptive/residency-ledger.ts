/**
 * Rent or buy, per operand and device: adds up what was lost by not having the operand on the device, and says when it
 * has reached the price of sending it there. Waiting for exactly that costs at most twice as much as knowing the future
 * (A. Karlin et al., "Competitive snoopy caching", Algorithmica 3, 1988; the ski-rental problem).
 *
 * Memory is bounded: each operand has four places it may be in, and where these are taken the one that lost the least
 * gives way, which only delays a purchase.
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
   * @param key says which operand in which version.
   * @returns true when the operand should be sent now; its account is closed then.
   */
  charge(key: number, device: number, lossMs: number, priceMs: number): boolean {
    const place = this.#placeOf(key, device);
    const lossesMs = this.#lossesMs[place] + lossMs;
    if (lossesMs >= priceMs) {
      this.#keys[place] = NaN;
      this.#lossesMs[place] = 0;
      return true;
    }
    this.#lossesMs[place] = lossesMs;
    return false;
  }

  /** Milliseconds lost so far. */
  lossMs(key: number, device: number): number {
    const home = this.#homeOf(key, device);
    for (let i = 0; i < PLACES; i++) {
      const place = (home + i) & this.#mask;
      if (this.#keys[place] === key && this.#devices[place] === device) return this.#lossesMs[place];
    }
    return 0;
  }

  #placeOf(key: number, device: number): number {
    const home = this.#homeOf(key, device);
    let cheapest = home;
    let free = -1;
    for (let i = 0; i < PLACES; i++) {
      const place = (home + i) & this.#mask;
      const occupant = this.#keys[place];
      if (occupant === key && this.#devices[place] === device) return place;
      if (Number.isNaN(occupant)) free = place;
      if (this.#lossesMs[place] < this.#lossesMs[cheapest]) cheapest = place;
    }
    const place = free >= 0 ? free : cheapest;
    if (free < 0) {
      // Whoever is pushed at loses a little of its account, so that what nobody asks for any more gives way in the end.
      for (let i = 0; i < PLACES; i++) this.#lossesMs[(home + i) & this.#mask] *= KEPT_PER_NEWCOMER;
    }
    this.#keys[place] = key;
    this.#devices[place] = device;
    this.#lossesMs[place] = 0;
    return place;
  }

  #homeOf(key: number, device: number): number {
    const mixed = Math.imul((key % 0x1_0000_0000) | 0, 0x9e37_79b1) ^ Math.imul(device + 1, 0x85eb_ca6b);
    return (mixed ^ (mixed >>> 15)) & this.#mask;
  }
}

const PLACES = 4;
const KEPT_PER_NEWCOMER = 0.98;

/** Versions of one operand are different data: they are followed apart. */
export function ledgerKey(operandId: number, operandVersion: number): number {
  return operandId * 4096 + (operandVersion % 4096);
}
