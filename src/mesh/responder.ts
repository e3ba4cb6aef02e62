/**
 * Serves the actions and subscriptions of one instance: who may, when each call runs, what is answered.
 * Used by the host. Validation and user code are inside `invoke`; it knows neither.
 */
import { bounds } from '../core/bounds.ts';
import type { Certificate, CertificateClaims } from '../core/certificate.ts';
import { TuttiError } from '../core/errors.ts';
import { instanceId } from '../core/ids.ts';
import type { InstanceRef } from '../core/ids.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { Admission } from './admission.ts';
import { CallDesk } from './call-desk.ts';
import { welcomeText } from './hello.ts';
import type { OfferedAction, OfferedStream } from './hello.ts';
import type { MeshLog } from './mesh-log.ts';
import { Place } from './place.ts';
import type { PlaceWatcher } from './place.ts';
import type { IncomingCall, Served, ServedCall } from './served-call.ts';
import { ServedLink } from './served-link.ts';
import type { ServedLinkOwner } from './served-link.ts';
import type { Connection, Listener, Transport } from './transport/transport.ts';

export interface ResponderAction {
  readonly name: string;
  /** Of its schemas. */
  readonly hash: string;
  readonly idempotent: boolean;
  readonly concurrency: number;
  readonly priority?: number | undefined;
  /** Of a stream, and only of a stream: how long it may wait for its caller; Infinity: for ever. */
  readonly silenceMs?: number | undefined;
  /** A stream that is a channel. */
  readonly isChannel?: boolean;
  /** Of a stream: whoever reads it can go on elsewhere. */
  readonly isResumable?: boolean;
  /** It takes what the store has kept: `Delivered`. */
  readonly isKept?: boolean;
  /** Validates, runs and validates again. A promise or the answer itself; inside the context of the call. */
  invoke(input: unknown, call: IncomingCall): unknown;
}

export interface ResponderEvent {
  readonly event: string;
  deliver(payload: unknown, call: IncomingCall): unknown;
}

export interface ResponderNeeds {
  readonly transport: Transport;
  readonly address: string;
  readonly self: InstanceRef;
  readonly certificate: Certificate;
  readonly verify: (certificate: Certificate) => CertificateClaims | undefined;
  /** False for an instance that was replaced. */
  readonly isCurrent: (claims: CertificateClaims) => boolean;
  readonly actions: readonly ResponderAction[];
  readonly events: readonly ResponderEvent[];
  readonly clock: Clock;
  readonly log: MeshLog;
  /** It is in a pool: one call of a user's action at a time. */
  readonly pool?: PlaceWatcher | undefined;
}

export interface ResponderStats {
  /** Calls and events that run, and that wait. */
  readonly inFlight: number;
  readonly queued: number;
  readonly requests: number;
  readonly events: number;
  /** Answers that are our fault: 500 and above. */
  readonly errors: number;
  /** Turned away: queue full or waited too long. */
  readonly rejected: number;
  /** Of the action or subscription that is nearest to its `concurrency`: 0 to 1. */
  readonly fullness: number;
  /** What all calls together have waited for their turn, those in vain too. */
  readonly waitedMs: number;
  /** Came or waited beyond their deadline, and were not started. */
  readonly expired: number;
  readonly eventsDropped: number;
  readonly eventErrors: number;
  readonly forbidden: number;
  /** Calls that named a user or tenant without a right to. */
  readonly identitiesDropped: number;
  /** Connections closed for what they said, and strangers closed before they said who they are. */
  readonly badFrames: number;
  readonly strangersClosed: number;
  /** Calls that are no streams, by how long they took, from arrival to answer; see `latencyBucketMs`. */
  readonly latency: readonly number[];
}

export interface Responder {
  stats(): ResponderStats;
  /**
   * Accepts nothing new, tells callers to go elsewhere, and waits for calls and events in hand, and for callers to let go.
   * Gives false when `signal` aborted before they were done.
   */
  drain(signal?: AbortSignal): Promise<boolean>;
  /** Lets written answers leave, then closes every connection. Closing twice is harmless. */
  close(): Promise<void>;
}

export async function makeResponder(needs: ResponderNeeds): Promise<Responder> {
  const responder = new MeshResponder(needs);
  await responder.listen();
  return responder;
}

/** How long written answers may take to leave at `close`. */
const closeMs = 1_000;
/** How long callers may take to let go when they were told to: one that is stopped hears nothing. */
const leaveMs = 1_000;
/** While it drains: between two looks for streams on which nothing moves. */
const quietCheckMs = 250;

class MeshResponder implements Responder, ServedLinkOwner {
  readonly service: string;
  readonly clock: Clock;
  readonly welcome: string;
  readonly actions: readonly Served[];
  readonly events: readonly Served[];
  readonly desk: CallDesk;
  readonly place: Place | undefined;
  readonly #needs: ResponderNeeds;
  readonly #links = new Set<ServedLink>();
  #listener: Listener | undefined;
  #strangers = 0;
  #badFrames = 0;
  #strangersClosed = 0;
  #allClosed: PromiseWithResolvers<undefined> | undefined;
  #closing: Promise<void> | undefined;
  #quietTimer: Timer | undefined;

  constructor(needs: ResponderNeeds) {
    this.#needs = needs;
    this.service = needs.self.service;
    this.clock = needs.clock;
    this.desk = new CallDesk(needs);
    const place = needs.pool === undefined ? undefined : new Place(needs.clock, needs.pool);
    this.place = place;
    this.actions = needs.actions.map((action) => servedAction(action, place));
    this.events = needs.events.map(servedEvent);
    this.welcome = welcomeText({
      certificate: needs.certificate,
      actions: needs.actions.map(offerOf),
      events: needs.events.map(({ event }) => event),
    });
  }

  async listen(): Promise<void> {
    this.#listener = await this.#needs.transport.listen(this.#needs.address, (connection) => {
      this.#accept(connection);
    });
  }

  stats(): ResponderStats {
    return {
      ...this.desk.counts,
      badFrames: this.#badFrames,
      strangersClosed: this.#strangersClosed,
      fullness: Math.max(0, ...[...this.actions, ...this.events].map(({ admission }) => admission.fullness)),
      latency: [...this.desk.latency],
    };
  }

  async drain(signal?: AbortSignal): Promise<boolean> {
    await this.#listener?.close();
    this.place?.close();
    const idle = this.desk.drain();
    for (const link of this.#links) link.sayGoaway();
    void idle.then(() => this.#quietTimer?.cancel());
    this.#endQuietStreams();
    // What callers had sent before they heard is answered too: a connection that is closed over it would lose it.
    const done = idle.then(() => this.#untilAllClosed(leaveMs)).then(() => true);
    return signal === undefined ? done : Promise.race([done, aborted(signal)]);
  }

  /** Asked for by nobody, it would wait for those that have nothing to wait for. */
  #endQuietStreams(): void {
    this.#quietTimer?.cancel();
    if (this.#closing !== undefined || this.desk.load === 0) return;
    const error = new TuttiError('STOPPING', { instance: instanceId(this.#needs.self) });
    for (const link of this.#links) link.endQuietStreams(error);
    this.#quietTimer = this.clock.after(quietCheckMs, () => {
      this.#endQuietStreams();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.desk.close();
    this.place?.close();
    this.#quietTimer?.cancel();
    await this.#listener?.close();
    for (const link of this.#links) link.end();
    await this.#untilAllClosed(closeMs);
    for (const link of this.#links) link.destroy();
    await this.#untilAllClosed(closeMs);
  }

  async #untilAllClosed(withinMs: number): Promise<void> {
    if (this.#links.size === 0) return;
    this.#allClosed ??= Promise.withResolvers<undefined>();
    const { promise, resolve } = this.#allClosed;
    const timer = this.clock.after(withinMs, () => {
      resolve(undefined);
    });
    await promise;
    timer.cancel();
    this.#allClosed = undefined;
  }

  #accept(connection: Connection): void {
    if (this.#strangers >= bounds.strangers || this.#closing !== undefined) {
      this.#strangersClosed += 1;
      connection.destroy();
      return;
    }
    this.#strangers += 1;
    this.#links.add(new ServedLink(connection, this));
  }

  identify(certificate: Certificate): CertificateClaims {
    const claims = this.#needs.verify(certificate);
    if (claims === undefined)
      throw new TuttiError('PROTOCOL_ERROR', { reason: 'the certificate is not valid' });
    if (this.#needs.isCurrent(claims)) return claims;
    throw new TuttiError('PROTOCOL_ERROR', { reason: `${instanceId(claims)} was replaced` });
  }

  known(): void {
    this.#strangers -= 1;
  }

  closed(link: ServedLink, fault: string | undefined): void {
    this.#links.delete(link);
    if (link.claims === undefined) this.#strangers -= 1;
    if (fault !== undefined) this.#noteFault(link, fault);
    if (this.#links.size === 0) this.#allClosed?.resolve(undefined);
  }

  #noteFault(link: ServedLink, reason: string): void {
    if (link.claims === undefined) this.#strangersClosed += 1;
    else this.#badFrames += 1;
    const fields = { instance: instanceId(this.#needs.self), caller: link.name, reason };
    this.#needs.log('warn', 'A connection was closed: the other side broke the protocol', fields);
  }
}

const offerOf = ({ name, hash, idempotent, priority, ...stream }: ResponderAction): OfferedAction => ({
  ...{ name, hash, idempotent },
  ...(priority === undefined ? {} : { priority }),
  ...(stream.silenceMs === undefined ? {} : { stream: offeredStream(stream) }),
});

const offeredStream = ({
  silenceMs,
  isChannel,
}: Pick<ResponderAction, 'silenceMs' | 'isChannel'>): OfferedStream => ({
  ...(silenceMs === undefined || silenceMs === Infinity ? {} : { silenceMs }),
  ...(isChannel === true ? { isChannel } : {}),
});

/** Ours, whose names begin so, are answered beside the call that runs. */
const isOurs = ({ name }: ResponderAction): boolean => name.startsWith('$');

function servedAction(action: ResponderAction, place: Place | undefined): Served {
  return {
    name: action.name,
    isEvent: false,
    silenceMs: action.silenceMs,
    isChannel: action.isChannel ?? false,
    isResumable: action.isResumable ?? false,
    isKept: action.isKept ?? false,
    place: isOurs(action) ? undefined : place,
    admission: new Admission<ServedCall>({
      concurrency: action.concurrency,
      queue: bounds.actionQueue,
      queueBytes: bounds.actionQueueBytes,
      queueMs: bounds.actionQueueMs,
    }),
    run: (input, call) => action.invoke(input, call),
  };
}

function servedEvent(event: ResponderEvent): Served {
  return {
    name: event.event,
    isEvent: true,
    admission: new Admission<ServedCall>({
      concurrency: bounds.actionConcurrency,
      queue: bounds.eventQueue - bounds.actionConcurrency,
      queueBytes: bounds.actionQueueBytes,
    }),
    run: (payload, call) => event.deliver(payload, call),
  };
}

const aborted = (signal: AbortSignal): Promise<false> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    signal.addEventListener('abort', () => {
      resolve(false);
    });
  });
