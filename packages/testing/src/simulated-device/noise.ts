export interface NoiseOptions {
  readonly seed: number;
  /** Standard deviation of the logarithm of the factors. */
  readonly deviation: number;
  /** Share of the factors that are spikes in addition. */
  readonly spikeRate: number;
  readonly spikeFactor: number;
}

/** One of several independent series, such as a device or a phase. */
export type NoiseStream = number;

/** Factors for times. */
export interface Noise {
  /** The factor at this index of this stream: always the same, independent of earlier calls. */
  factor(stream: NoiseStream, index: number): number;
}

/**
 * Log-normal noise with median 1 and rare spikes. Each factor is a hash of seed, stream and index instead of the next number
 * of a sequence: two policies that run the same requests get the same noise even if they choose differently. Differences
 * between them are then differences of choice (the method of common random numbers).
 */
export function createNoise({ seed, deviation, spikeRate, spikeFactor }: NoiseOptions): Noise {
  return {
    factor(stream, index) {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, stream, index, 0)));
      const normal = radius * Math.cos(2 * Math.PI * uniform(seed, stream, index, 1));
      return Math.exp(deviation * normal) * (uniform(seed, stream, index, 2) < spikeRate ? spikeFactor : 1);
    },
  };
}

/** The expectation of every factor of such noise. */
export function meanNoise({ deviation, spikeRate, spikeFactor }: Omit<NoiseOptions, 'seed'>): number {
  return Math.exp(deviation ** 2 / 2) * (1 + spikeRate * (spikeFactor - 1));
}

/** In [0, 1). */
function uniform(seed: number, stream: number, index: number, draw: number): number {
  return mix(mix(mix(mix(0, seed), stream), index), draw) / 2 ** 32;
}

/** The finaliser of MurmurHash3 (Austin Appleby) over the hash so far and the next number. */
function mix(state: number, next: number): number {
  let mixed = (state ^ Math.imul(next + 1, 0x9e37_79b1)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
