/**
 * Says when an instance has grown beyond `restart.memoryMax`: not at one sample, which may stand before a collection, but at three
 * in a row; once per process. Pure. Used by processes/supervisor/watch.
 */

export interface MemoryRun {
  /** Of the last sample; the same beat read twice is one sample. */
  readonly beatAt: number;
  /** Samples in a row over the limit. */
  readonly over: number;
  /** It was said; one process is replaced once. */
  readonly isTold: boolean;
}

export const samplesOverLimit = 3;

export const newMemoryRun: MemoryRun = { beatAt: 0, over: 0, isTold: false };

export function weigh(
  run: MemoryRun,
  { beatAt, rssBytes }: { readonly beatAt: number; readonly rssBytes: number },
  maxBytes: number | undefined,
): { readonly run: MemoryRun; readonly isOver: boolean } {
  if (maxBytes === undefined) return { run: { ...run, beatAt, over: 0 }, isOver: false };
  if (beatAt <= run.beatAt || run.isTold) return { run, isOver: false };
  const over = rssBytes > maxBytes ? run.over + 1 : 0;
  const isOver = over >= samplesOverLimit;
  return { run: { beatAt, over, isTold: isOver }, isOver };
}
