/** One thing that is broken, and the test that must then fail. */
export interface Mutant {
  readonly promise: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Words of paths, as `npm test -- word` takes them. */
  readonly tests: readonly string[];
  /** Pattern of titles. */
  readonly name?: string;
}
