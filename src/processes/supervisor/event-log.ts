/**
 * The ordered log of what happened to whom, when, and on what evidence. In memory the last of it, on disk some more: a successor,
 * and the next start of the app, go on with it. Bounded; the oldest is dropped, and a reader can see that it was.
 */
import { bounds } from '../../core/bounds.ts';
import type { AppEvent, EventPage, TransitionSeen, TuttiEvent } from '../../core/events.ts';
import { instanceEvent } from '../../core/events.ts';
import { slotId } from '../../core/ids.ts';
import type { Evidence, InstanceState, SlotState } from '../../core/instance-state.ts';
import type { Clock } from '../../core/ports.ts';
import { readEvents, unfinishedRun } from '../../core/read-events.ts';
import { EventFile } from '../../os/event-file.ts';

export interface EventLogNeeds {
  readonly clock: Clock;
  readonly generation: number;
  readonly directory: string;
  readonly onEvent: (event: TuttiEvent) => void;
}

export class EventLog {
  /** Of the run before this one, as evidence of a start. */
  readonly unfinished: Evidence;
  readonly #needs: EventLogNeeds;
  readonly #file: EventFile;
  readonly #since = new Map<string, number>();
  /** Where each slot stands by what is told here; undefined: nobody knows, the beginning of the run is not kept any more. */
  #told: Map<string, InstanceState> | undefined;
  #events: TuttiEvent[];
  #lastSeq: number;
  #unwritten = 0;

  constructor(needs: EventLogNeeds) {
    this.#needs = needs;
    this.#file = new EventFile(needs.directory, bounds.events);
    this.#events = this.#read();
    this.unfinished = unfinishedRun(this.#events);
    this.#lastSeq = Math.max(needs.generation * 2 ** 32, this.#events.at(-1)?.seq ?? 0);
    for (const event of this.#events) this.#noteSince(event);
  }

  transition(seen: TransitionSeen): void {
    this.#add(instanceEvent(seen, this.#stamp()));
  }

  /** Of a slot whose last transition a predecessor had remembered, but not told before it died. */
  catchUp(slot: SlotState): void {
    if (this.#told === undefined) return;
    const state = this.#told.get(slotId(slot)) ?? 'stopped';
    if (state === slot.state) return;
    const seen = {
      before: { ...slot, state },
      after: slot,
      cause: { type: 'go' },
      now: this.#needs.clock.now(),
    } as const;
    this.#add({ ...instanceEvent(seen, this.#stamp()), evidence: { toldBySuccessor: true } });
  }

  note(event: Pick<AppEvent, 'name' | 'service' | 'reason'> & Partial<Pick<AppEvent, 'evidence'>>): void {
    this.#add({ type: 'app', ...this.#stamp(), evidence: {}, ...event });
  }

  /** Epoch milliseconds of the last change of state. */
  since(id: string): number {
    return this.#since.get(id) ?? this.#needs.clock.wall();
  }

  get last(): number {
    return this.#lastSeq;
  }

  /** Those with a higher sequence number, oldest first. */
  after(seq: number): EventPage {
    const events = this.#events.slice(this.#firstAfter(seq));
    return { events, oldest: this.#events.at(0)?.seq ?? this.#lastSeq + 1, last: this.#lastSeq };
  }

  close(): void {
    this.#file.close();
  }

  #stamp(): { seq: number; time: number } {
    return { seq: (this.#lastSeq += 1), time: this.#needs.clock.wall() };
  }

  #add(event: TuttiEvent): void {
    this.#keep(event);
    this.#write(event);
    this.#needs.onEvent(event);
  }

  #keep(event: TuttiEvent): void {
    this.#events.push(event);
    // In larger steps: a shift for each would move ten thousand entries.
    if (this.#events.length > bounds.events * 1.1) this.#events = this.#events.slice(-bounds.events);
    this.#noteSince(event);
  }

  #noteSince(event: TuttiEvent): void {
    if (event.type === 'app') {
      if (event.name === 'app:started') this.#told = new Map();
      return;
    }
    if (event.from === event.to) return;
    const [id = ''] = event.instance.split('@');
    this.#since.set(id, event.time);
    this.#told?.set(id, event.to);
  }

  /** A full disk is no reason to fall: what could not be written is counted, and said in the file once it takes lines again. */
  #write(event: TuttiEvent): void {
    try {
      if (this.#unwritten > 0) this.#file.append(JSON.stringify(this.#lost(event)));
      this.#unwritten = 0;
      this.#file.append(JSON.stringify(event));
    } catch {
      this.#unwritten += 1;
    }
  }

  #lost({ seq, time }: TuttiEvent): AppEvent {
    const reason = `${String(this.#unwritten)} events could not be written to disk`;
    // Between the numbers: it is of the file only, and must not be taken for the event that follows it.
    return {
      type: 'app',
      seq: seq - 1,
      time,
      name: 'events:lost',
      reason,
      evidence: { count: this.#unwritten },
    };
  }

  #read(): TuttiEvent[] {
    return readEvents(this.#file.read()).slice(-bounds.events);
  }

  /** They are in order: half the rest at a time. */
  #firstAfter(seq: number): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.seq ?? 0) > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
