/**
 * The supervisor's line to the keeper: orders with one answer each, and what the keeper says by itself.
 * When it breaks the keeper is gone; the owner then has to end what the keeper cannot.
 */
import { Socket } from 'node:net';
import { bounds } from '../../core/bounds.ts';
import { errorTable, TuttiError } from '../../core/errors.ts';
import type { KeeperError, KeeperFrame, KeeperOrder } from '../../core/keeper-frames.ts';
import { JsonFrameSocket } from '../../os/json-frames.ts';

export type Welcome = Extract<KeeperFrame, { op: 'welcome' }>;
export type Exited = Extract<KeeperFrame, { op: 'exited' }>;
export type StopAsked = Extract<KeeperFrame, { op: 'stop' }>;
type Answer = Extract<KeeperFrame, { op: 'answer' }>;

export interface KeeperLinkNeeds {
  readonly fd: number;
  readonly onExited: (exit: Exited) => void;
  readonly onStop: (stop: StopAsked) => void;
  readonly onLost: () => void;
}

/** Its own errors keep their code; those of the system are told by `data.errno`. */
const errorOf = ({ code, message }: KeeperError): TuttiError =>
  code in errorTable
    ? new TuttiError(code, { message })
    : new TuttiError('INTERNAL', { message, errno: code });

export class KeeperLink {
  readonly #socket: JsonFrameSocket;
  readonly #needs: KeeperLinkNeeds;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  readonly #welcome = Promise.withResolvers<Welcome>();
  #lastId = 0;

  constructor(needs: KeeperLinkNeeds) {
    this.#needs = needs;
    this.#socket = new JsonFrameSocket(new Socket({ fd: needs.fd, readable: true, writable: true }), {
      maxBytes: bounds.keeperFrameBytes,
      onFrame: (frame) => {
        this.#receive(frame as KeeperFrame);
      },
      onClose: () => {
        this.#lost();
      },
    });
  }

  /** The first thing it says. */
  get welcome(): Promise<Welcome> {
    return this.#welcome.promise;
  }

  tell(op: 'up'): void {
    this.#socket.send({ op });
  }

  /** In the order asked; every order is answered, or refused when the line breaks. @throws {TuttiError} with `data.errno`. */
  async ask<Result = unknown>(order: KeeperOrder): Promise<Result> {
    const id = (this.#lastId += 1);
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.set(id, waiting);
    if (!this.#socket.send({ ...order, id })) {
      this.#waiting.delete(id);
      throw new TuttiError('OVERLOADED', { what: 'The keeper' });
    }
    const answer = await waiting.promise;
    if (!answer.ok) throw errorOf(answer.error);
    return answer as Result;
  }

  #receive(frame: KeeperFrame): void {
    switch (frame.op) {
      case 'welcome':
        this.#welcome.resolve(frame);
        return;
      case 'answer':
        this.#waiting.get(frame.id)?.resolve(frame);
        this.#waiting.delete(frame.id);
        return;
      case 'exited':
        this.#needs.onExited(frame);
        return;
      case 'stop':
        this.#needs.onStop(frame);
        return;
      case 'ping':
        this.#socket.send({ op: 'pong' });
    }
  }

  #lost(): void {
    const error = new TuttiError('INTERNAL', { message: 'The keeper is gone' });
    this.#welcome.reject(error);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    this.#needs.onLost();
  }
}
