// What the packages of Gearshift share besides the contracts: not for users, and free to change with any release.
export {
  expected,
  requireExpectedUses,
  requireFinite,
  requireFloat32Array,
  requireInteger,
  requireObject,
} from './arguments.js';
export { isGuarded } from './is-guarded.js';
export { nextOperandId } from './operand-id.js';
