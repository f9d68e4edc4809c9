export function effort(counts: {
  readonly test: number;
  readonly ci: number;
  readonly nightly?: number;
  readonly mutation?: number;
}): number;
export function tier(): 'mutation' | 'test' | 'ci' | 'nightly';
export function seedOr(own: number): number;
export function tellCount(goal: string, count: number): void;
export function tellFigure(goal: string, name: string, value: number): void;
