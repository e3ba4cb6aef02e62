/** What the programs of a peer of bench/jobs.ts do when they are asked over Node's child channel: who adds, and who works. */
import { addAll, addSlowly, drainAll } from './jobs.ts';
import type { AddLoad, Adder } from './jobs.ts';

const say = (message: unknown): void => void process.send?.(message);

type Deeds<Wish> = Readonly<Record<string, (wish: Wish) => Promise<unknown>>>;

/** Says `ready`, and answers each wish; what fails ends the program, and with it the bench. */
function answerWith<Wish extends { readonly what: string }>(deeds: Deeds<Wish>): void {
  process.on('message', (wish: Wish) => {
    const deed = deeds[wish.what];
    if (deed === undefined) throw new Error(`There is no ${wish.what}`);
    deed(wish).then(
      (answer) => {
        say(answer ?? 'done');
      },
      (error: unknown) => {
        throw error;
      },
    );
  });
  process.on('disconnect', () => process.exit());
  say('ready');
}

interface AddWish {
  readonly what: string;
  readonly load?: AddLoad;
  readonly count?: number;
}

export interface AddingRole extends Adder {
  /** So that no worker begins any; absent where the workers stop by themselves. */
  pause?(): Promise<unknown>;
  /** What whoever runs it does now and then, before what is measured next. */
  tidy?(): Promise<unknown>;
}

export function answerAsAdder(adder: AddingRole): void {
  answerWith<AddWish>({
    add: async ({ load }) => load && addAll(adder, load),
    pause: async () => adder.pause?.(),
    drain: ({ count = 0 }) => drainAll(adder, count),
    latencies: async ({ count = 0 }) => {
      await adder.tidy?.();
      await addSlowly(adder, count, await adder.done());
    },
  });
}

export interface WorkingRole {
  readonly latencies: number[];
  /** Absent where whoever adds can pause the queue. */
  begin?(): Promise<unknown>;
  stop?(): Promise<unknown>;
}

export function answerAsWorker(worker: WorkingRole): void {
  answerWith({
    begin: async () => worker.begin?.(),
    stop: async () => worker.stop?.(),
    latencies: () => Promise.resolve(worker.latencies.splice(0)),
  });
}

/** A hundred bytes. */
export const text = 'x'.repeat(80);
