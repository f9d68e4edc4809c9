import { explore, type Program } from '@gearshift/schedule-explorer';
import { expect } from 'vitest';

/** The explorer finds an order of events in which a program with a defect ends wrong in this way. */
export function expectFound(program: Program, problem: RegExp): void {
  const { violation } = explore(program);
  expect(violation?.problem).toMatch(problem);
  expect(violation?.events.length).toBeGreaterThan(0);
}
