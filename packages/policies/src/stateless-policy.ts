import {
  err,
  ok,
  type DispatchPolicy,
  type PolicyImportError,
  type PolicyState,
  type Result,
} from '@gearshift/contracts';

const VERSION = 1;

/** The learning half of a policy that learns nothing: it observes without effect and exports an empty state. */
export function learnsNothing(policy: string): Pick<DispatchPolicy, 'observe' | 'export' | 'import'> {
  return {
    observe() {},
    export: () => ({ policy, version: VERSION, learned: {} }),
    import: (state) => checkState(policy, state),
  };
}

function checkState(policy: string, state: PolicyState): Result<void, PolicyImportError> {
  if (typeof state !== 'object' || state === null || typeof state.policy !== 'string') {
    return err({ kind: 'malformed', message: 'the state names no policy' });
  }
  if (state.policy !== policy) {
    return err({ kind: 'wrong-policy', message: `the state is of the policy '${state.policy}', not of '${policy}'` });
  }
  if (state.version !== VERSION) {
    return err({ kind: 'wrong-version', message: `the state is of version ${state.version}, not of ${VERSION}` });
  }
  return ok(undefined);
}
