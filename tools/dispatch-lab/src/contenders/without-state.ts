import { err, ok, type DispatchPolicy } from '@gearshift/contracts';

/** The state methods of a policy of the lab, which is used for one simulation and never saved. */
export function withoutState(name: string): Pick<DispatchPolicy, 'name' | 'snapshot' | 'export' | 'import'> {
  return {
    name,
    snapshot: () => ({ policy: name, options: {} }),
    export: () => ({ policy: name, version: 1, learned: {} }),
    import: ({ policy }) =>
      policy === name ? ok(undefined) : err({ kind: 'wrong-policy', message: `expected '${name}', got '${policy}'` }),
  };
}
