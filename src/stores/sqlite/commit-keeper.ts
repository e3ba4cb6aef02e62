/** Where commits are kept when that is not this disk. */
export interface CommitKeeper {
  /**
   * Resolves when it is kept.
   * @param number of the commit; they are kept without a gap.
   * @param changes what it changed: see `recording.ts`.
   * @throws {TuttiError} when it is not kept, and will not be; or when nobody can tell, and `fail` is told as well.
   */
  keep(number: number, changes: Uint8Array): Promise<void>;
}
