import { expect, it } from 'vitest';
import { nodeVersionProblem } from '../node-version.mjs';

it.each(['v20.19.0', 'v20.20.2', 'v22.0.0', 'v24.1.0'])('accepts Node %s', (version) => {
  expect(nodeVersionProblem(version, '>=20.19')).toBeNull();
});

it.each(['v18.20.4', 'v20.18.3', 'v16.0.0'])('refuses Node %s and names the required version', (version) => {
  expect(nodeVersionProblem(version, '>=20.19')).toContain(`needs Node >=20.19; this is Node ${version}`);
});

it('accepts the running Node for the range of the root manifest', () => {
  expect(nodeVersionProblem()).toBeNull();
});
