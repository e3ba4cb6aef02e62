/**
 * One accepted connection: a stranger until its hello is accepted, then a caller with a name.
 * It turns frames into calls and answers into frames; whether and when a call runs is the responder's.
 */
import { bounds } from '../core/bounds.ts';
import { mayCall } from '../core/certificate.ts';
import type { Certificate, CertificateClaims } from '../core/certificate.ts';
import { isTuttiError, TuttiError } from '../core/errors.ts';
import { instanceId, isSystemService } from '../core/ids.ts';
import { keptRequest, keptTrace } from '../core/kept-context.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { askedWrongly } from './asked-wrongly.ts';
import { readBody } from './body.ts';
import type { CallDesk } from './call-desk.ts';
import type { CallContext } from './context.ts';
import { readEnvelope } from './envelope.ts';
import type { Envelope } from './envelope.ts';
import { errorFrame } from './error-frame.ts';
import {
  frameFlags,
  frameKinds,
  isOfStream,
  makeFrame,
  readEnvelopeText,
  readSpanId,
  readTraceId,
} from './frames.ts';
import type { IncomingFrame, OutgoingFrame } from './frames.ts';
import { readHello } from './hello.ts';
import type { Delivered } from './kept-event.ts';
import { Link } from './link.ts';
import { Numbered } from './numbered.ts';
import { ServedCall } from './served-call.ts';
import type { Place } from './place.ts';
import type { CallOrigin, Served } from './served-call.ts';
import { StreamOfCall } from './stream-of-call.ts';
import type { Connection } from './transport/transport.ts';

export interface ServedLinkOwner {
  readonly service: string;
  readonly clock: Clock;
  readonly welcome: string;
  readonly actions: readonly Served[];
  readonly events: readonly Served[];
  readonly desk: CallDesk;
  /** Of a pool. */
  readonly place: Place | undefined;
  /** @throws {TuttiError} `PROTOCOL_ERROR` when the certificate is not good, or not good any more. */
  identify(certificate: Certificate): CertificateClaims;
  known(link: ServedLink): void;
  closed(link: ServedLink, fault: string | undefined): void;
}

const noIdentity = {};
const noEnvelope: Envelope = {};
/** Shared by all calls that bring none. */
const noMetadata = Object.freeze({});

export class ServedLink implements CallOrigin {
  /** Undefined: a stranger. */
  claims: CertificateClaims | undefined;
  readonly #owner: ServedLinkOwner;
  readonly #link: Link;
  readonly #calls = new Numbered<ServedCall>();
  readonly #helloTimer: Timer;
  #callerId = '';
  #mayCall = false;
  #isSystem = false;

  constructor(connection: Connection, owner: ServedLinkOwner) {
    this.#owner = owner;
    this.#link = new Link(connection, bounds.helloBytes, {
      onFrame: (frame) => {
        this.#take(frame);
      },
      onClose: (fault) => {
        this.#close(fault);
      },
    });
    this.#helloTimer = owner.clock.after(bounds.helloMs, () => {
      this.destroy('no hello in time');
    });
  }

  /** `users#1@2`, or that nobody knows. */
  get name(): string {
    return this.claims === undefined ? 'a stranger' : this.#callerId;
  }

  answer(call: ServedCall, answer: OutgoingFrame): void {
    // Taken back meanwhile, or the connection is gone: nobody waits for it.
    if (this.#calls.get(call.number) !== call) return;
    this.#calls.delete(call.number);
    call.stream?.close();
    if (!this.#link.isOpen || this.#link.send(answer)) return;
    const full = new TuttiError('OVERLOADED', { what: `The connection from ${this.#callerId}` });
    this.#link.say(errorFrame(call.number, full, { load: answer.load }));
  }

  /** Tells the caller to send no more calls. */
  sayGoaway(): void {
    this.#link.say(makeFrame(frameKinds.goaway, 0));
  }

  end(): void {
    this.#link.end();
  }

  destroy(fault?: string): void {
    this.#link.destroy(fault);
  }

  #take(frame: IncomingFrame): void {
    if (this.claims === undefined) this.#takeHello(frame);
    else if (frame.kind === frameKinds.request) this.#takeRequest(frame, this.claims);
    else if (frame.kind === frameKinds.event) this.#takeEvent(frame, this.claims);
    else if (frame.kind === frameKinds.ask) this.#takeAsk(frame.stream);
    else if (frame.kind === frameKinds.cancel) this.#takeCancel(frame);
    else if (isOfStream(frame)) this.#takeOfStream(frame);
    else throw refuse(`a frame of kind ${String(frame.kind)} was not expected`);
  }

  #takeHello(frame: IncomingFrame): void {
    if (frame.kind !== frameKinds.hello) throw refuse('the first frame is not a hello');
    const claims = this.#owner.identify(readHello(frame));
    this.claims = claims;
    this.#callerId = instanceId(claims);
    this.#mayCall = mayCall(claims, this.#owner.service);
    this.#isSystem = isSystemService(claims.service);
    this.#helloTimer.cancel();
    this.#link.allowFrames(bounds.frameBytes);
    this.#link.send(makeFrame(frameKinds.welcome, 0, { body: this.#owner.welcome }));
    this.#owner.known(this);
  }

  #takeRequest(frame: IncomingFrame, claims: CertificateClaims): void {
    const served = this.#owner.actions[frame.action];
    if (served === undefined) throw refuse('a number of an action that was not offered');
    if (frame.stream === 0 || this.#calls.get(frame.stream) !== undefined)
      throw refuse('a stream number that is in use');
    const input = wrongWay(frame, served) ?? this.#readInput(frame, served);
    if (input instanceof TuttiError) {
      this.#link.send(errorFrame(frame.stream, input, { load: this.#owner.desk.load }));
      return;
    }
    const call = this.#callOf(frame, { served, input, claims });
    if (served.silenceMs !== undefined) call.stream = this.#streamOf(call, served.silenceMs);
    this.#calls.add(frame.stream, call);
    if (this.#mayCall) this.#owner.desk.take(call);
    else this.#owner.desk.forbid(call);
  }

  #takeEvent(frame: IncomingFrame, claims: CertificateClaims): void {
    const served = this.#owner.events[frame.action];
    if (served === undefined) throw refuse('a number of an event that is not subscribed to');
    const input = this.#readInput(frame, served);
    if (!(input instanceof TuttiError)) this.#owner.desk.take(this.#callOf(frame, { served, input, claims }));
  }

  /** A refused input is an answer, an unreadable one the end of the connection; unless it was kept, since who hands it over has not written it. */
  #readInput(frame: IncomingFrame, served: Served): unknown {
    try {
      return readBody(frame);
    } catch (cause) {
      if (isTuttiError(cause, 'INVALID_INPUT')) return cause;
      if (!this.#isKept(served)) throw cause;
      const issues = [{ path: '', message: 'what was kept cannot be read' }];
      return new TuttiError('INVALID_INPUT', { issues }, { cause });
    }
  }

  #isKept({ isKept }: Served): boolean {
    return this.#isSystem && isKept === true;
  }

  #callOf(
    frame: IncomingFrame,
    parts: { served: Served; input: unknown; claims: CertificateClaims },
  ): ServedCall {
    const envelope = readEnvelope(readEnvelopeText(frame));
    const { served, input } = parts;
    return new ServedCall({
      served,
      origin: this,
      number: frame.stream,
      input,
      context: this.#isKept(served) ? this.#keptContext(frame, input) : this.#contextOf(frame, envelope),
      caller: parts.claims,
      idempotencyKey: envelope.idempotencyKey,
      http: (frame.flags & frameFlags.http) !== 0,
      startedAt: this.#owner.clock.now(),
      bytes: frame.end - frame.start,
    });
  }

  #contextOf(frame: IncomingFrame, envelope: Envelope): CallContext {
    const { user, tenant } = this.#identityOf(frame, envelope);
    const traceId = readTraceId(frame);
    const sampled = (frame.flags & frameFlags.sampled) !== 0;
    return {
      requestId: envelope.requestId ?? traceId,
      trace: { traceId, spanId: readSpanId(frame), sampled, state: envelope.traceState },
      deadline: frame.deadline,
      priority: frame.priority,
      metadata: envelope.metadata ?? noMetadata,
      user,
      tenant,
      caller: this.#callerId,
    };
  }

  /** Where it was kept without a request or a trace, the delivery has its own. */
  #keptContext(frame: IncomingFrame, delivered: unknown): CallContext {
    const own = this.#contextOf(frame, noEnvelope);
    const context = (delivered as Partial<Delivered> | undefined)?.kept?.context ?? {};
    const { user, tenant, metadata = noMetadata } = context;
    const trace = keptTrace(context) ?? own.trace;
    return { ...own, requestId: keptRequest(context) ?? own.requestId, trace, user, tenant, metadata };
  }

  #streamOf({ number, action, served }: ServedCall, silenceMs: number): StreamOfCall {
    const { clock, service } = this.#owner;
    const label = `${service}.${action}`;
    const isChannel = served.isChannel === true;
    return new StreamOfCall({ carrier: this.#link, clock, number, silenceMs, label, isChannel });
  }

  #takeOfStream(frame: IncomingFrame): void {
    const call = this.#calls.get(frame.stream);
    // It has crossed the answer.
    if (call === undefined) return;
    if (call.stream === undefined) throw refuse('an item for a call that is no stream');
    call.stream.took(frame);
  }

  /** While we stop: a stream that moves may come to its end, unless it can go on elsewhere; one that does not move never would. */
  endQuietStreams(error: TuttiError): void {
    const now = this.#owner.clock.now();
    for (const call of this.#calls.all()) {
      const { stream, served } = call;
      if (stream === undefined || !(served.isResumable === true || stream.isQuiet(now))) continue;
      call.cancel(error);
      // Nothing is taken any more: the caller may go on elsewhere while the handler comes to its end.
      if (served.isChannel === true && stream.hasBegun)
        this.answer(call, errorFrame(call.number, error, { load: this.#owner.desk.load }));
    }
  }

  /** Only gateways find out who asks; a service hands on what its own caller said, and so only in a call that is part of another. */
  #identityOf(frame: IncomingFrame, envelope: Envelope): Pick<Envelope, 'user' | 'tenant'> {
    const isSaid = envelope.user !== undefined || envelope.tenant !== undefined;
    if (!isSaid || this.#isSystem || (frame.flags & frameFlags.nested) !== 0) return envelope;
    this.#owner.desk.foundInvented(this.#callerId);
    return noIdentity;
  }

  givePlace(number: number): void {
    this.#link.say(makeFrame(frameKinds.place, number));
  }

  /** Who may not call, or is wrong about what this is, hears that in answer to its call. */
  #takeAsk(number: number): void {
    if (number === 0 || this.#calls.get(number) !== undefined) throw refuse('a stream number that is in use');
    if (this.#owner.place === undefined || !this.#mayCall) this.givePlace(number);
    else this.#owner.place.ask(this, number);
  }

  /** Its answer may have crossed the cancel: then there is nothing to do. */
  #takeCancel(frame: IncomingFrame): void {
    const call = this.#calls.get(frame.stream);
    if (call === undefined) {
      this.#owner.place?.takeBack(this, frame.stream);
      return;
    }
    const isLate = this.#owner.clock.now() >= call.context.deadline;
    this.#calls.delete(frame.stream);
    this.#owner.desk.withdraw(
      call,
      new TuttiError(isLate ? 'CALL_TIMED_OUT' : 'CANCELLED', { action: call.action }),
    );
  }

  #close(fault: string | undefined): void {
    this.#helloTimer.cancel();
    this.#owner.place?.gone(this);
    for (const call of this.#calls.all()) this.#owner.desk.withdraw(call, new TuttiError('CANCELLED'));
    this.#calls.clear();
    this.#owner.closed(this, fault);
  }
}

/** Whoever does not know that it is a stream could do nothing with its items, and the other way round. */
function wrongWay(frame: IncomingFrame, { name, silenceMs, isChannel }: Served): TuttiError | undefined {
  const asStream = (frame.flags & frameFlags.stream) !== 0;
  if (asStream === (silenceMs !== undefined)) return undefined;
  return askedWrongly(name, asStream ? 'function' : isChannel === true ? 'channel' : 'stream');
}

const refuse = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });
