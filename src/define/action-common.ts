import type { CallsInput } from './calls.ts';

/** What actions and streams have in common, as they are written. */
export interface ActionCommon extends CallsInput {
  /** May be repeated: a call whose instance died is tried once more elsewhere. */
  readonly idempotent?: boolean;
  /** Calls that run at once in one instance; default 100. Beyond it they wait, bounded. */
  readonly concurrency?: number;
  /** 0, the lowest, to 9: who is served first where calls wait. Default: that of the call it is part of, or 5. */
  readonly priority?: number;
  /** One line for the OpenAPI document. */
  readonly summary?: string;
  /** false: the output is declared but not checked. */
  readonly checkOutput?: boolean;
}
