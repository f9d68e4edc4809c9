import { err, ok, type DispatchPolicy } from '@gearshift/contracts';

/** What a policy of the lab answers when asked for its state: it lives for one simulation and is never saved. */
export function withoutState(name: string): Pick<DispatchPolicy, 'name' | 'snapshot' | 'export' | 'import'> {
  return {
    name,
    snapshot: () => ({ policy: name, options: {} }),
    export: () => ({ policy: name, version: 1, learned: {} }),
    import: ({ policy }) =>
      policy === name ? ok(undefined) : err({ kind: 'wrong-policy', message: `expected '${name}', got '${policy}'` }),
  };
}
