/** Which instance has which run in hand: asked by an owner of the store that begins, of those who may have gone on without the one before it. */
import { bounds } from '../../core/bounds.ts';
import type { Clock } from '../../core/ports.ts';
import type { Caller } from '../../mesh/caller.ts';
import { heldJobsAction } from '../../mesh/kept-job.ts';
import type { JobRun } from '../../mesh/kept-job.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';
import type { ClaimedJob } from '../../stores/job-queue/job-turns.ts';

interface HeldNeeds {
  readonly worker: () => { readonly service: string } | undefined;
  readonly caller: Caller;
  readonly registry: RegistryView;
  readonly clock: Clock;
  /** Slots of the service whose processes live, ready or not: one that is not may be busy with what is looked for. Undefined: not known yet. */
  readonly living: (service: string) => readonly number[] | undefined;
}

/** For one instance to answer. Who is frozen leaves the registry soon. */
const answerMs = 2_000;
/** Between two looks. */
const lookAgainMs = 100;

/** By the number of the job, the slot that has it. It ends when all who live have answered; with nobody there nothing could be begun anyway. */
export async function findHeldRuns(
  needs: HeldNeeds,
  jobs: readonly Pick<ClaimedJob, 'seq' | 'run'>[],
): Promise<ReadonlyMap<number, number>> {
  const held = new Map<number, number>();
  if (jobs.length === 0) return held;
  const wanted = new Map(jobs.map(({ seq, run }) => [seq, run]));
  const { clock, registry, worker } = needs;
  const until = clock.now() + bounds.jobRecoverMs;
  const asked = new Set<number>();
  while (held.size < wanted.size && clock.now() < until) {
    const service = worker()?.service;
    const slots =
      service === undefined ? [] : (registry.service(service)?.instances ?? []).map(({ slot }) => slot);
    const fresh = slots.filter((slot) => !asked.has(slot));
    const answers = await Promise.all(fresh.map((slot) => runsOf(needs, String(service), slot)));
    for (const [index, runs] of answers.entries()) {
      const slot = fresh[index];
      if (runs === undefined || slot === undefined) continue;
      asked.add(slot);
      for (const { seq, run } of runs) if (wanted.get(seq) === run) held.set(seq, slot);
    }
    const living = service === undefined ? undefined : needs.living(service);
    if (living?.every((slot) => asked.has(slot)) === true) break;
    await new Promise<void>((done) => {
      clock.after(lookAgainMs, done);
    });
  }
  return held;
}

/** Undefined: it does not answer now. */
async function runsOf(
  { caller }: HeldNeeds,
  service: string,
  slot: number,
): Promise<readonly JobRun[] | undefined> {
  try {
    const options = { slot, deadlineMs: answerMs, retries: 0 };
    return (await caller.call(service, heldJobsAction, {}, options)) as readonly JobRun[];
  } catch {
    return undefined;
  }
}
