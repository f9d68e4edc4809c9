import {
  err,
  ok,
  type DispatchPolicy,
  type PolicyImportError,
  type PolicyState,
  type Result,
} from '@gearshift/contracts';

const VERSION = 1;

/** The learning methods of a policy that learns nothing: it ignores samples and exports an empty state. */
export function learnsNothing(policy: string): Pick<DispatchPolicy, 'observe' | 'export' | 'import'> {
  return {
    observe() {},
    export: () => ({ policy, version: VERSION, learned: {} }),
    import: (state) => checkState(state, policy, VERSION),
  };
}

/** Checks that a state is of this policy and of this version. */
export function checkState(state: PolicyState, policy: string, version: number): Result<void, PolicyImportError> {
  if (!isObject(state) || typeof state.policy !== 'string') {
    return err({ kind: 'malformed', message: 'the state names no policy' });
  }
  if (state.policy !== policy) {
    return err({ kind: 'wrong-policy', message: `the state is of the policy '${state.policy}', not of '${policy}'` });
  }
  if (state.version !== version) {
    return err({ kind: 'wrong-version', message: `the state is of version ${state.version}, not of ${version}` });
  }
  return ok(undefined);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
