import { nkeys } from '@nats-io/transport-node';

/** The key of one party: a secret for its process, and a public half for the configuration of the servers. */
export interface Nkey {
  /** Begins with `U`. */
  readonly publicKey: string;
  /** Begins with `SU`. */
  readonly seed: string;
}

/** Makes an nkey from random bytes of the system. */
export function createNkey(): Nkey {
  const pair = nkeys.createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}
