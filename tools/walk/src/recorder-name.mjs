/** The property of `globalThis` that is called with the key of a function whenever that function is called. */
export const RECORDER = 'gearshiftWalk';
