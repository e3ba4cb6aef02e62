/** The runs of workers whose service is isolated: each in an instance that the dispatcher has chosen, so that it is known which process to end. */
import { bounds } from '../../core/bounds.ts';
import type { InstanceRef } from '../../core/ids.ts';
import type { Isolation, JobNamed } from '../../core/isolation.ts';
import type { Clock } from '../../core/ports.ts';
import type { Caller } from '../../mesh/caller.ts';
import { abortJobAction } from '../../mesh/kept-job.ts';
import type { JobRun } from '../../mesh/kept-job.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';

/** Until an instance that did not hear it is told again. */
const againMs = 250;

/** The slot that has the fewest of them, one that does not end by itself included: nothing is begun behind it while another is free. Pure. */
export function freestSlot(
  instances: readonly { readonly slot: number }[],
  runs: readonly { readonly slot: number | undefined }[],
): number | undefined {
  const count = (slot: number): number => runs.filter((run) => run.slot === slot).length;
  const counted = instances.map(({ slot }) => ({ slot, count: count(slot) }));
  return counted.sort((left, right) => left.count - right.count)[0]?.slot;
}

/** How long the call of such a run lasts at most. It is lost when its process is ended; when nobody can do that, what it has in hand is begun elsewhere. */
export const lastsMs = (limitMs: number, { graceMs }: Isolation): number =>
  limitMs + graceMs + bounds.isolatedEndMs;

export interface EndNeeds {
  readonly caller: Caller;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly tellUnheard: (instance: InstanceRef, job: JobNamed) => void;
}

export interface CancelledRun {
  readonly service: string;
  readonly slot: number;
  readonly isolate: Isolation;
  readonly job: JobNamed;
  readonly wish: JobRun & { readonly reason: string };
  /** It has ended, by itself or with its process, or is not waited for any more. */
  readonly isOver: () => boolean;
}

/** Tells its instance that the job was cancelled. One that hears it sees to its end itself; one that does not, for all of its grace, is ended from without. */
export async function cancelIsolated(needs: EndNeeds, run: CancelledRun): Promise<void> {
  const { caller, registry, clock, tellUnheard } = needs;
  const { service, slot, isolate, job, wish, isOver } = run;
  const until = clock.now() + isolate.graceMs;
  const epoch = registry.newestEpoch(service, slot);
  while (!isOver()) {
    const options = { slot, deadlineMs: Math.max(againMs, until - clock.now()), retries: 0 };
    const heard = caller.call(service, abortJobAction, wish, options).then(
      () => true,
      () => false,
    );
    if (await heard) return;
    // Who is not ready is not asked, and may hear it later.
    if (clock.now() >= until && !isOver()) tellUnheard({ service, slot, epoch }, job);
    await new Promise<void>((done) => {
      clock.after(againMs, done);
    });
  }
}
