/** What is broken of schedules; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const of =
  (file: string) =>
  (name: string): Pick<Mutant, 'tests' | 'name'> => ({ tests: [file], name });
const decision = of('tests/core/schedule.test.ts');
const rhythm = of('tests/stores/job-queue/schedule-rhythm.test.ts');
const stored = of('tests/stores/job-queue/schedules.test.ts');
const ticker = of('tests/services/store/schedule-ticker.test.ts');
const app = of('tests/journeys/schedules.test.ts');
const kills = of('tests/faults/schedules.test.ts');

const core = 'src/core/schedule.ts';
const area = 'src/stores/job-queue/schedules.ts';
const clock = 'src/services/store/schedule-ticker.ts';

export const scheduleMutants: readonly Mutant[] = [
  {
    promise: 'schedules: a day that comes is no such day',
    file: 'src/stores/job-queue/no-such-day.ts',
    find: 'if (!/^[*?+]/.test(weekday)) return false;',
    replace: '',
    ...rhythm('a day that none of the months has'),
  },
  {
    promise: 'schedules: a damaged one keeps no service from starting',
    file: area,
    find: 'const there = soundSchedule(db, input);',
    replace: 'const there = findSchedule(db, input);',
    ...stored('one that is damaged is made anew'),
  },
  {
    promise: 'schedules: never early (D9)',
    file: core,
    find: 'if (nextAt > now) return { ticks: [], nextAt };',
    replace: 'if (nextAt > now) return { ticks: nextAt > now + 1 ? [] : [nextAt], nextAt };',
    ...decision('nothing before its time'),
  },
  {
    promise: 'schedules: once is one job for all that were missed (D8)',
    file: core,
    find: "if (missed === 'all' && overlap === 'allow')",
    replace: "if (overlap === 'allow')",
    ...decision('once: one for all'),
  },
  {
    promise: 'schedules: skip leaves out what was missed, and nothing else (D8)',
    file: core,
    find: 'nextAt < now - lateMs;',
    replace: 'nextAt < now;',
    ...decision('skip: not again the one before'),
  },
  {
    promise: 'schedules: a rhythm does not drift',
    file: core,
    find: 'aTick + (Math.floor((after - aTick) / ms) + 1) * ms;',
    replace: 'Math.max(aTick, after) + ms;',
    ...decision('does not drift'),
  },
  {
    promise: 'schedules: a next tick that is not right is put right (D8)',
    file: core,
    find: 'nextAt !== undefined && nextAt <= now ? nextAt : next(now);',
    replace: 'nextAt ?? next(now);',
    ...stored('a next tick that is far off'),
  },
  {
    promise: 'schedules: where the clock is put forward no time of a day is left out',
    file: 'src/stores/job-queue/schedule-rhythm.ts',
    find: "fixedTimeRule: 'no-wildcard'",
    replace: "fixedTimeRule: 'single-value'",
    ...rhythm('of a list of hours none is left out'),
  },
  {
    promise: 'schedules: a date is no cron expression',
    file: 'src/stores/job-queue/schedule-rhythm.ts',
    find: "if (spec.cron?.includes(':') === true)",
    replace: "if (spec.cron === '')",
    ...rhythm('no rhythm: 2026-11-28'),
  },
  {
    promise: 'schedules: the next time is written with the job of a tick (D8)',
    file: area,
    find: 'next_at: nextAt ?? null, last_at:',
    replace: 'last_at:',
    ...stored('each tick is one job'),
  },
  {
    promise: 'schedules: a tick has a name of its own',
    file: area,
    find: '`${name}:${new Date(at).toISOString()}`',
    replace: '`${name}:${String(Math.random())}`',
    ...stored('each tick is one job'),
  },
  {
    promise: 'schedules: overlap skip sees what is open',
    file: area,
    find: "overlap === 'skip' &&",
    replace: "overlap !== 'skip' &&",
    ...stored('overlap skip: while a job of it is open'),
  },
  {
    promise: 'schedules: asked for again nothing is written',
    file: area,
    find: 'if (goesOn && there.next_at !== null && hasSame(there, input, wanted)) return there;',
    replace: '',
    ...stored('asked for again it stays as it is'),
  },
  {
    promise: 'schedules: what it adds is not its rhythm',
    file: area,
    find: "hasSame(there, input, ['cron', 'every_ms', 'time_zone'])",
    replace: 'hasSame(there, input, wanted)',
    ...stored('asked for again it stays as it is'),
  },
  {
    promise: 'schedules: whoever asks for it all the time does not put it off (D8)',
    file: area,
    find: "hasSame(there, input, ['cron', 'every_ms', 'time_zone'])",
    replace: 'input.every_ms === null',
    ...kills('the owner of the store is killed'),
  },
  {
    promise: 'schedules: one that is broken holds up no other',
    file: area,
    find: "if (!isTuttiError(error, 'STORE_CORRUPT') && !isTuttiError(error, 'INVALID_INPUT')) throw error;",
    replace: 'if (!isTuttiError(error) || row === undefined) throw error;',
    ...stored('one that is not as it was written'),
  },
  {
    promise: 'schedules: they are bounded',
    file: area,
    find: 'if (count < bounds.schedules) return;',
    replace: 'if (count >= 0) return;',
    ...stored('the schedules of a queue are bounded'),
  },
  {
    promise: 'schedules: to a full queue nothing is added',
    file: area,
    find: 'openJobs(db, queue) + ticks.length > bounds.openJobs;',
    replace: 'openJobs(db, queue) < 0;',
    ...stored('to a full queue'),
  },
  {
    promise: 'schedules: an owner puts right what is next (D8)',
    file: clock,
    find: 'if (!this.#isRepaired) await this.#repair();',
    replace: 'void this.#repair.bind(this);',
    ...ticker('what was noted by a clock that was wrong'),
  },
  {
    promise: 'schedules: all that were missed are made up at once',
    file: clock,
    find: 'if (inMs <= 0) this.#lookAgain = true;',
    replace: 'if (inMs <= 0) return;',
    ...ticker('what an owner finds that was missed'),
  },
  {
    promise: 'schedules: who has the jobs done is told of each',
    file: clock,
    find: 'for (const queue of queues) added(queue);',
    replace: 'void added;',
    ...ticker('for the earliest tick of all'),
  },
  {
    promise: 'schedules: a store that cannot be read is read again',
    file: clock,
    find: 'this.#wakeAfter(readAgainMs);',
    replace: 'void readAgainMs;',
    ...ticker('a store that cannot be read'),
  },
  {
    promise: 'schedules: after a stop nothing ticks',
    file: clock,
    find: 'if (this.#isStopping) return;\n    this.#lookAgain = true;',
    replace: 'this.#isStopping = false;\n    this.#lookAgain = true;',
    ...ticker('after a stop'),
  },
  {
    promise: 'schedules: one that is made is looked at',
    file: 'src/services/store/job-desk.ts',
    find: "if (name === 'schedule' || name === 'unschedule') this.#ticker.wake();",
    replace: '',
    ...app('asked for by eight at once'),
  },
  {
    promise: 'schedules: the job of each tick is a request of its own',
    file: 'src/host/job-checks.ts',
    find: 'const context = { user, tenant,',
    replace: 'const context = { ...currentContext(), user, tenant,',
    ...app('asked for by eight at once'),
  },
  {
    promise: 'schedules: an option that nobody reads is refused',
    file: 'src/host/schedules.ts',
    find: 'if (problem === undefined) return options;',
    replace: 'if (problem !== null) return options;',
    ...app('an option that nobody reads'),
  },
];
