/**
 * Writes down which job of this isolated instance must end first, before it begins: a job may hold the event loop for ever, so that nobody in here can end it. The
 * supervisor reads it, a successor too. Used by the instance program.
 */
import type { Isolation, JobEnd } from '../../core/isolation.ts';
import { jobEnds } from '../../core/isolation.ts';
import type { Clock } from '../../core/ports.ts';
import type { RunWatcher, WatchedRun } from '../../host/job-runs.ts';
import type { JobRun } from '../../mesh/kept-job.ts';
import type { Heartbeat } from './heartbeat.ts';

export interface JobNotesNeeds {
  readonly isolate: Isolation;
  readonly clock: Clock;
  readonly heartbeat: Pick<Heartbeat, 'note'>;
  /** In the order of the manifest. */
  readonly queues: readonly string[];
}

interface Noted {
  readonly run: WatchedRun;
  readonly endsBy: number;
  readonly why: JobEnd;
}

const keyOf = ({ seq, run }: JobRun): string => `${String(seq)} ${String(run)}`;

export class JobNotes implements RunWatcher {
  readonly #needs: JobNotesNeeds;
  /** Bounded by what may run at once. */
  readonly #runs = new Map<string, Noted>();
  #first: Noted | undefined;

  constructor(needs: JobNotesNeeds) {
    this.#needs = needs;
  }

  began(run: WatchedRun, limitMs: number): void {
    this.#note({ run, endsBy: this.#endsBy(limitMs), why: 'timeout' });
  }

  aborting(run: WatchedRun, why: JobEnd): void {
    // What has had its time was written down before it began.
    if (why !== 'timeout') this.#note({ run, endsBy: this.#endsBy(0), why });
  }

  ended(run: JobRun): void {
    this.#runs.delete(keyOf(run));
    this.#write();
  }

  #endsBy(limitMs: number): number {
    const { clock, isolate } = this.#needs;
    return clock.now() + limitMs + isolate.graceMs;
  }

  #note(noted: Noted): void {
    this.#runs.set(keyOf(noted.run), noted);
    this.#write();
  }

  #write(): void {
    let first: Noted | undefined;
    for (const noted of this.#runs.values())
      if (first === undefined || noted.endsBy < first.endsBy) first = noted;
    if (first === this.#first) return;
    this.#first = first;
    const { heartbeat, queues } = this.#needs;
    if (first === undefined) heartbeat.note({ callEndsBy: 0 });
    else
      heartbeat.note({
        callAction: queues.indexOf(first.run.queue),
        callNumber: first.run.seq,
        callUnwanted: jobEnds.indexOf(first.why),
        callEndsBy: first.endsBy,
      });
  }
}
