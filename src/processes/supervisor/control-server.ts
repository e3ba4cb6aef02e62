/**
 * The control socket: instances connect, say who they are with their certificate, and are told who else is there.
 * What is no message, or comes from nobody current, closes that connection and is counted; the rest goes on.
 */
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { chmodSync, rmSync } from 'node:fs';
import { bounds } from '../../core/bounds.ts';
import type { Certificate, CertificateClaims } from '../../core/certificate.ts';
import { TuttiError } from '../../core/errors.ts';
import { instanceId, slotId } from '../../core/ids.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { InstanceMessage, SupervisorMessage } from '../../mesh/control-protocol.ts';
import { controlProtocol, readInstanceMessage } from '../../mesh/control-protocol.ts';
import { AcceptGuard } from '../../os/accept-guard.ts';
import { JsonFrameSocket } from '../../os/json-frames.ts';
import { descriptorReport } from '../../telemetry/descriptor-report.ts';
import type { Logger } from '../../telemetry/logger.ts';

export type Hello = Extract<InstanceMessage, { op: 'hello' }>;

export interface ControlServerNeeds {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly verify: (certificate: Certificate) => CertificateClaims | undefined;
  /** Whether this is the process that now is in its slot. */
  readonly isCurrent: (claims: CertificateClaims) => boolean;
  readonly onHello: (claims: CertificateClaims, hello: Hello) => void;
  readonly onMessage: (id: string, message: Exclude<InstanceMessage, Hello>) => void;
}

interface Member {
  readonly id: string;
  readonly claims: CertificateClaims;
  readonly socket: JsonFrameSocket;
  readonly left: PromiseWithResolvers<undefined>;
  /** The newest registry revision it has said it knows. */
  acknowledged: number;
}

interface Waiting {
  readonly revision: number;
  readonly done: () => void;
}

/** Whether there are file descriptors. */
const lookEveryMs = 1_000;

export class ControlServer {
  readonly #needs: ControlServerNeeds;
  readonly #server: Server;
  readonly #members = new Map<string, Member>();
  readonly #waiting = new Set<Waiting>();
  readonly #accepts: AcceptGuard;
  #looking: Timer | undefined;
  #strangers = 0;
  #refused = 0;

  constructor(needs: ControlServerNeeds) {
    this.#needs = needs;
    this.#accepts = new AcceptGuard({ onChange: descriptorReport(needs.log) });
    this.#server = createServer((socket) => {
      this.#accept(socket);
    });
  }

  /** Connections closed for what they said or did not say. */
  get refused(): number {
    return this.#refused;
  }

  /** Those turned away for want of a file descriptor. */
  get acceptFailures(): Readonly<Record<string, number>> {
    return this.#accepts.refused();
  }

  async listen(): Promise<void> {
    rmSync(this.#needs.path, { force: true });
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#server.once('error', reject);
    this.#server.listen(this.#needs.path, () => {
      resolve(undefined);
    });
    await promise;
    this.#accepts.watch(this.#server, 'control');
    this.#look();
    chmodSync(this.#needs.path, 0o600);
  }

  send(id: string, message: SupervisorMessage): boolean {
    const member = this.#members.get(id);
    // An earlier process of the slot may not have closed yet: what is for the next one is not for it.
    if (member === undefined || !this.#needs.isCurrent(member.claims)) return false;
    // Who does not read what it is told costs us memory: it may connect again and start from a snapshot.
    if (!member.socket.send(message)) member.socket.destroy('it does not read');
    return true;
  }

  broadcast(message: SupervisorMessage, to: (service: string) => boolean = () => true): void {
    for (const { id, claims } of this.#members.values()) if (to(claims.service)) this.send(id, message);
  }

  /** Resolves when all who are connected know this revision, or after `limitMs`. */
  async announced(revision: number, limitMs: number): Promise<void> {
    if (this.#allKnow(revision)) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const waiting: Waiting = {
      revision,
      done: () => {
        resolve(undefined);
      },
    };
    this.#waiting.add(waiting);
    const limit = this.#needs.clock.after(limitMs, waiting.done);
    await promise;
    limit.cancel();
    this.#waiting.delete(waiting);
  }

  /** Resolves when nobody is connected as `id` any more, or after `limitMs`: then all that it said is heard. */
  async left(id: string, limitMs: number): Promise<void> {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const limit = this.#needs.clock.after(limitMs, () => {
      member.left.resolve(undefined);
    });
    await member.left.promise;
    limit.cancel();
  }

  close(): void {
    this.#looking?.cancel();
    this.#server.close();
    this.#accepts.close();
    for (const { socket } of this.#members.values()) socket.end();
  }

  #look(): void {
    this.#accepts.look();
    this.#looking = this.#needs.clock.after(lookEveryMs, () => {
      this.#look();
    });
  }

  #allKnow(revision: number): boolean {
    return [...this.#members.values()].every(({ acknowledged }) => acknowledged >= revision);
  }

  #wake(): void {
    for (const waiting of this.#waiting) if (this.#allKnow(waiting.revision)) waiting.done();
  }

  #accept(raw: Socket): void {
    if (this.#strangers >= bounds.strangers) {
      this.#refused += 1;
      raw.destroy();
      return;
    }
    this.#strangers += 1;
    let member: Member | undefined;
    const socket: JsonFrameSocket = new JsonFrameSocket(raw, {
      maxBytes: bounds.controlFrameBytes,
      onFrame: (frame) => {
        const message = readInstanceMessage(frame);
        if (message === undefined)
          throw new TuttiError('PROTOCOL_ERROR', { reason: 'not a control message' });
        if (member !== undefined) this.#receive(member, message);
        else {
          member = this.#welcome(socket, message);
          this.#strangers -= 1;
          silent.cancel();
        }
      },
      onClose: (reason) => {
        silent.cancel();
        if (member === undefined) this.#refuse(reason);
        else this.#leave(member, reason);
      },
    });
    const silent: Timer = this.#needs.clock.after(bounds.helloMs, () => {
      socket.destroy('it said no hello in time');
    });
  }

  #welcome(socket: JsonFrameSocket, message: InstanceMessage): Member {
    if (message.op !== 'hello')
      throw new TuttiError('PROTOCOL_ERROR', { reason: 'it did not begin with hello' });
    if (message.protocol !== controlProtocol)
      throw new TuttiError('PROTOCOL_ERROR', { reason: 'it speaks another version' });
    const claims = this.#needs.verify(message.certificate);
    if (claims === undefined)
      throw new TuttiError('PROTOCOL_ERROR', { reason: 'its certificate is not ours' });
    if (!this.#needs.isCurrent(claims))
      throw new TuttiError('PROTOCOL_ERROR', { reason: `${instanceId(claims)} is not who runs now` });
    const id = slotId(claims);
    const before = this.#members.get(id);
    const member: Member = { id, claims, socket, left: Promise.withResolvers<undefined>(), acknowledged: 0 };
    this.#members.set(id, member);
    before?.socket.destroy('it connected again');
    this.#needs.onHello(claims, message);
    return member;
  }

  #receive(member: Member, message: InstanceMessage): void {
    if (message.op === 'hello') throw new TuttiError('PROTOCOL_ERROR', { reason: 'it said hello twice' });
    // Its last words may come after the next process of its slot has begun.
    if (!this.#needs.isCurrent(member.claims))
      throw new TuttiError('PROTOCOL_ERROR', { reason: `${instanceId(member.claims)} is not who runs now` });
    if (message.op === 'ack') {
      member.acknowledged = message.revision;
      this.#wake();
    } else this.#needs.onMessage(member.id, message);
  }

  #refuse(reason: string): void {
    this.#strangers -= 1;
    this.#refused += 1;
    this.#needs.log.warn('A connection to the control socket was refused', { reason });
  }

  #leave(member: Member, reason: string): void {
    member.left.resolve(undefined);
    if (this.#members.get(member.id) !== member) return;
    this.#members.delete(member.id);
    this.#wake();
    this.#needs.log.debug('An instance left the control socket', { instance: member.id, reason });
  }
}
