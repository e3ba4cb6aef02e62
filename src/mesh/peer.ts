/**
 * One instance as its callers see it: connects on first use, says hello, keeps the calls that wait for its answer.
 * It settles nothing itself: answers and losses go to its owner, the caller.
 */
import { bounds } from '../core/bounds.ts';
import type { Certificate, CertificateClaims } from '../core/certificate.ts';
import { TuttiError } from '../core/errors.ts';
import { instanceId } from '../core/ids.ts';
import type { Clock } from '../core/ports.ts';
import { runWithoutContext } from './context.ts';
import { frameKinds, isOfStream, makeFrame } from './frames.ts';
import type { IncomingFrame, OutgoingFrame } from './frames.ts';
import { helloText, readWelcome } from './hello.ts';
import { Link } from './link.ts';
import { reasonOf } from './mesh-log.ts';
import type { MeshLog } from './mesh-log.ts';
import { Numbered } from './numbered.ts';
import { Offers } from './offers.ts';
import type { Offer } from './offers.ts';
import { PeerHealth } from './peer-health.ts';
import type { CallHolder, PendingCall } from './pending-call.ts';
import type { RegistryInstance } from './registry-view.ts';
import type { Transport } from './transport/transport.ts';

export interface PeerNeeds {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly certificate: Certificate;
  readonly verify: (certificate: Certificate) => CertificateClaims | undefined;
  readonly log: MeshLog;
}

export interface PeerOwner {
  /** `frame` is a response or an error; what it throws closes the connection. */
  answered(peer: Peer, call: PendingCall, frame: IncomingFrame): void;
  /** `frame` is of its stream; what it throws closes the connection. */
  moved(peer: Peer, call: PendingCall, frame: IncomingFrame): void;
  answeredLate(): void;
  /** The connection is gone, and with it the answers to `calls`. */
  lost(peer: Peer, calls: PendingCall[], fault: string | undefined): void;
  /** It keeps its place in a pool for us. */
  placed(peer: Peer): void;
  /** It asked to be left alone. */
  leaving(): void;
}

/** An instance that was lost or not reached is the last choice for this long: the registry needs a moment to know. */
const coolMs = 100;
const coolingCost = 1e6;

export class Peer implements CallHolder {
  readonly instance: RegistryInstance;
  readonly id: string;
  readonly pending = new Numbered<PendingCall>();
  /** What the instance said it has to do, in its last answer. */
  load = 0;
  /** Calls that wait for the connection to it. */
  awaiting = 0;
  isLeaving = false;
  /** Of a pool: it takes over when another ends. */
  isSpare = false;
  readonly health = new PeerHealth();
  readonly #needs: PeerNeeds;
  readonly #owner: PeerOwner;
  readonly #offers = new Offers();
  #link: Link | undefined;
  #opening: Promise<void> | undefined;
  #isWelcome = false;
  #isOver = false;
  #coolUntil = 0;
  #lastStream = 0;
  /** The number with which its place was asked for; 0: it was not. */
  #asked = 0;

  constructor(instance: RegistryInstance, needs: PeerNeeds, owner: PeerOwner) {
    this.instance = instance;
    this.id = instanceId(instance);
    this.#needs = needs;
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#isWelcome;
  }

  /** For the balance: what waits here for its answer or for its connection, and what it has to do for others, by how long it takes lately. */
  get cost(): number {
    const work = 1 + this.pending.size + this.awaiting + this.load;
    return work * this.health.weight + (this.#coolUntil === 0 ? 0 : this.#coolingCost());
  }

  /** All who ask while it connects share one attempt. @throws {TuttiError} `CONNECTION_REFUSED` */
  open(): Promise<void> {
    this.#opening ??= runWithoutContext(() => this.#connect()).catch((error: unknown) => {
      this.#opening = undefined;
      this.#cool();
      this.#needs.log('warn', 'An instance was not reached', { instance: this.id, reason: reasonOf(error) });
      throw error;
    });
    return this.#opening;
  }

  /** Undefined: it has no such action. */
  offer(action: string): Offer | undefined {
    return this.#offers.action(action);
  }

  /**
   * False: too much waits on the connection. Wants an open peer, and the number of its action in the frame.
   * @param number of a place that is kept for it.
   */
  send(call: PendingCall, number = this.#nextStream()): boolean {
    call.frame.stream = number;
    if (this.#link?.send(call.frame) !== true) return false;
    call.holder = this;
    call.isProbe = this.health.sent(call.action);
    this.pending.add(call.frame.stream, call);
    call.stream?.carriedBy(this.#link, call.frame.stream, this.#offers.action(call.action)?.silenceMs ?? 0);
    return true;
  }

  sendEvent(event: string, frame: OutgoingFrame): boolean {
    const number = this.#offers.event(event);
    if (number === undefined || this.#link === undefined) return false;
    return this.#link.send({ ...frame, action: number });
  }

  /** Once, until it has answered or was told otherwise. */
  askForPlace(): void {
    if (this.#asked !== 0 || this.#link === undefined) return;
    this.#asked = this.#nextStream();
    this.#link.say(makeFrame(frameKinds.ask, this.#asked));
  }

  dropQuestion(): void {
    if (this.#asked !== 0) this.giveBack(this.takePlace());
  }

  /** The number of the call that it is for. */
  takePlace(): number {
    const number = this.#asked;
    this.#asked = 0;
    return number;
  }

  giveBack(number: number): void {
    this.#link?.say(makeFrame(frameKinds.cancel, number));
  }

  withdraw(call: PendingCall): void {
    if (!this.pending.delete(call.frame.stream)) return;
    if (call.isProbe) this.health.withdrawn(call.action);
    this.#link?.say(makeFrame(frameKinds.cancel, call.frame.stream));
    this.#letGo();
  }

  /** Sends what is queued, closes, and is not to be used again. */
  end(): void {
    this.#isOver = true;
    this.#link?.end();
  }

  /** Closes at once; the calls that wait are lost. */
  destroy(): void {
    this.#isOver = true;
    this.#link?.destroy();
  }

  async #connect(): Promise<void> {
    const { transport, clock, certificate } = this.#needs;
    const connection = await transport.connect(this.instance.address, bounds.helloMs);
    if (this.#isOver) {
      connection.destroy();
      throw new TuttiError('CONNECTION_REFUSED', { instance: this.id, reason: 'not wanted any more' });
    }
    const welcomed = Promise.withResolvers<true>();
    const link = new Link(connection, bounds.frameBytes, {
      onFrame: (frame) => {
        if (this.#isWelcome) {
          this.#take(frame);
        } else {
          this.#takeWelcome(frame);
          welcomed.resolve(true);
        }
      },
      onClose: (fault) => {
        welcomed.reject(
          new TuttiError('CONNECTION_REFUSED', { instance: this.id, reason: fault ?? 'closed' }),
        );
        this.#lose(fault);
      },
    });
    this.#link = link;
    link.send(makeFrame(frameKinds.hello, 0, { body: helloText(certificate) }));
    const timer = clock.after(bounds.helloMs, () => {
      link.destroy('no welcome in time');
    });
    await welcomed.promise.finally(() => {
      timer.cancel();
    });
  }

  #takeWelcome(frame: IncomingFrame): void {
    if (frame.kind !== frameKinds.welcome) throw refuse('the first frame is not a welcome');
    const welcome = readWelcome(frame);
    this.#checkIdentity(welcome.certificate);
    this.#offers.take(welcome);
    this.#isWelcome = true;
    this.#coolUntil = 0;
  }

  /** An address is a place, not a name: somebody else may sit there. */
  #checkIdentity(certificate: Certificate): void {
    const claims = this.#needs.verify(certificate);
    if (claims === undefined) throw refuse('the certificate of the other side is not valid');
    const { service, slot, epoch } = this.instance;
    if (claims.service !== service || claims.slot !== slot || claims.epoch < epoch) {
      throw refuse(`${this.id} was wanted and ${instanceId(claims)} answered`);
    }
  }

  #take(frame: IncomingFrame): void {
    if (frame.kind === frameKinds.goaway) {
      this.isLeaving = true;
      this.#owner.leaving();
      this.#letGo();
    } else if (frame.kind === frameKinds.response || frame.kind === frameKinds.error) {
      this.#takeAnswer(frame);
    } else if (frame.kind === frameKinds.place) {
      // What crossed our taking back is given on by that.
      if (frame.stream === this.#asked && frame.stream !== 0) this.#owner.placed(this);
    } else if (isOfStream(frame)) {
      this.#takeOfStream(frame);
    } else {
      throw refuse(`a frame of kind ${String(frame.kind)} was not expected`);
    }
  }

  #takeAnswer(frame: IncomingFrame): void {
    this.load = frame.load;
    const call = this.pending.get(frame.stream);
    if (call === undefined) {
      this.#owner.answeredLate();
      return;
    }
    // Not deleted before it could be read: an answer that closes the connection must not leave its call waiting.
    this.#owner.answered(this, call, frame);
    this.pending.delete(frame.stream);
    this.#letGo();
  }

  /** Of one that stops, once nothing is owed: it waits for that, so as to lose nothing that was on its way when it said so. */
  #letGo(): void {
    if (this.isLeaving && this.pending.size === 0) this.#link?.end();
  }

  #takeOfStream(frame: IncomingFrame): void {
    const call = this.pending.get(frame.stream);
    // Taken back meanwhile: what was under way is nobody's.
    if (call === undefined) return;
    if (call.stream === undefined) throw refuse('an item for a call that is no stream');
    this.#owner.moved(this, call, frame);
  }

  #lose(fault: string | undefined): void {
    const calls = this.pending.all();
    const wasWelcome = this.#isWelcome;
    this.pending.clear();
    this.#offers.clear();
    this.#link = undefined;
    this.#isWelcome = false;
    this.load = 0;
    this.#asked = 0;
    this.#cool();
    // Before the welcome `open` hears of it.
    if (!wasWelcome) return;
    this.#opening = undefined;
    this.#owner.lost(this, calls, fault);
  }

  #nextStream(): number {
    do this.#lastStream = this.#lastStream === 0xffff_ffff ? 1 : this.#lastStream + 1;
    while (!this.pending.isFree(this.#lastStream) || this.#lastStream === this.#asked);
    return this.#lastStream;
  }

  #cool(): void {
    this.#coolUntil = this.#needs.clock.now() + coolMs;
  }

  #coolingCost(): number {
    if (this.#needs.clock.now() < this.#coolUntil) return coolingCost;
    this.#coolUntil = 0;
    return 0;
  }
}

const refuse = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });
