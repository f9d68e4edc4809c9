import { createUser } from '@nats-io/nkeys';

/** The key of one party. */
export interface PartyKey {
  /** Begins with `U`: for the server's configuration. */
  readonly publicKey: string;
  /** Begins with `SU`: the secret. */
  readonly seed: string;
}

export function createPartyKey(): PartyKey {
  const pair = createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}
