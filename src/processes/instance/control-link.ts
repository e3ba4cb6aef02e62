/**
 * The instance's line to the supervisor: says who it is and how it fares, hears who else is there. Connects again to a successor
 * for as long as the instance lives; while it is down the last view of the registry stays in use.
 */
import { connect } from 'node:net';
import { bounds } from '../../core/bounds.ts';
import type { Certificate } from '../../core/certificate.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { InstanceMessage, Phase, SupervisorMessage } from '../../mesh/control-protocol.ts';
import { controlProtocol } from '../../mesh/control-protocol.ts';
import type { RegistryView } from '../../mesh/registry-view.ts';
import { JsonFrameSocket } from '../../os/json-frames.ts';

export interface ControlLinkNeeds {
  readonly path: string;
  readonly certificate: Certificate;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly phase: () => Phase;
  readonly manifestHash: () => string;
  /** Every message, once the registry has heard it. */
  readonly onMessage: (message: SupervisorMessage) => void;
}

const firstRetryMs = 20;
const lastRetryMs = 500;

export class ControlLink {
  readonly #needs: ControlLinkNeeds;
  readonly #welcomed = Promise.withResolvers<undefined>();
  #socket: JsonFrameSocket | undefined;
  #retry: Timer | undefined;
  #retryMs = firstRetryMs;
  #closed = false;
  /** It has asked for a snapshot; what comes before the answer leaves the same gap. */
  #hasAsked = false;

  constructor(needs: ControlLinkNeeds) {
    this.#needs = needs;
    this.#connect();
  }

  /** Resolves at the first welcome: from then on the registry is known. */
  get welcomed(): Promise<undefined> {
    return this.#welcomed.promise;
  }

  /** False: nobody is there; a successor is told the phase when it comes, the rest is not repeated. */
  send(message: InstanceMessage): boolean {
    return this.#socket?.send(message) ?? false;
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#socket?.end();
  }

  #connect(): void {
    const { path, certificate, phase, manifestHash } = this.#needs;
    const raw = connect(path);
    const socket = new JsonFrameSocket(raw, {
      maxBytes: bounds.controlFrameBytes,
      onFrame: (frame) => {
        this.#receive(frame as SupervisorMessage);
      },
      onClose: () => {
        this.#again(socket);
      },
    });
    raw.on('connect', () => {
      this.#socket = socket;
      socket.send({
        op: 'hello',
        protocol: controlProtocol,
        certificate,
        phase: phase(),
        manifestHash: manifestHash(),
      });
    });
  }

  #again(socket: JsonFrameSocket): void {
    if (this.#socket === socket) this.#socket = undefined;
    if (this.#closed) return;
    this.#retry = this.#needs.clock.after(this.#retryMs, () => {
      this.#connect();
    });
    this.#retryMs = Math.min(lastRetryMs, this.#retryMs * 2);
  }

  #receive(message: SupervisorMessage): void {
    if (this.#hearRegistry(message)) this.send({ op: 'ack', revision: this.#needs.registry.revision });
    this.#needs.onMessage(message);
    if (message.op === 'welcome') this.#welcomed.resolve(undefined);
  }

  #askOnce(): void {
    if (!this.#hasAsked) this.#hasAsked = this.send({ op: 'snapshot' });
  }

  /** Whether it was about who is there. */
  #hearRegistry(message: SupervisorMessage): boolean {
    const { registry } = this.#needs;
    if (message.op === 'welcome') this.#retryMs = firstRetryMs;
    if (message.op === 'welcome' || message.op === 'snapshot') {
      this.#hasAsked = false;
      registry.replace(message.snapshot);
    } else if (message.op !== 'delta') return false;
    else if (registry.apply(message) === 'gap') this.#askOnce();
    return true;
  }
}
