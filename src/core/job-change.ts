/** How somebody follows a job: asks the owner of the store for what it is now, once that is another thing than what was seen. */
import type { StoredJob } from './stored-job.ts';

export interface ChangeWish {
  readonly queue: string;
  readonly id: string;
  /** `mark` of what was seen; undefined: nothing yet. */
  readonly seen?: string | undefined;
  readonly withinMs: number;
}

export interface JobChange {
  /** Without its input, which does not change and may be large. */
  readonly job: StoredJob;
  /** Differs when state, attempts, progress or reason do. */
  readonly mark: string;
}
