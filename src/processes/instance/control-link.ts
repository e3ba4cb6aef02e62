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
  /** What is not about the registry. */
  readonly onMessage: (message: SupervisorMessage) => void;
}

const firstRetryMs = 20;
const lastRetryMs = 500;

export class ControlLink {
  readonly #needs: ControlLinkNeeds;
  readonly #welcomed = Promise.withResolvers<void>();
  #socket: JsonFrameSocket | undefined;
  #retry: Timer | undefined;
  #retryMs = firstRetryMs;
  #closed = false;

  constructor(needs: ControlLinkNeeds) {
    this.#needs = needs;
    this.#connect();
  }

  /** Resolves at the first welcome: from then on the registry is known. */
  get welcomed(): Promise<void> {
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
      onFrame: (frame) => { this.#receive(frame as SupervisorMessage); },
      onClose: () => { this.#again(socket); },
    });
    raw.on('connect', () => {
      this.#socket = socket;
      socket.send({ op: 'hello', protocol: controlProtocol, certificate, phase: phase(), manifestHash: manifestHash() });
    });
  }

  #again(socket: JsonFrameSocket): void {
    if (this.#socket === socket) this.#socket = undefined;
    if (this.#closed) return;
    this.#retry = this.#needs.clock.after(this.#retryMs, () => { this.#connect(); });
    this.#retryMs = Math.min(lastRetryMs, this.#retryMs * 2);
  }

  #receive(message: SupervisorMessage): void {
    const { registry } = this.#needs;
    switch (message.op) {
      case 'welcome':
        this.#retryMs = firstRetryMs;
        registry.replace(message.snapshot);
        this.#needs.onMessage(message);
        this.#welcomed.resolve();
        return;
      case 'snapshot':
        registry.replace(message.snapshot);
        break;
      case 'delta':
        if (registry.apply(message) === 'gap') this.send({ op: 'snapshot' });
        break;
      default:
        this.#needs.onMessage(message);
        return;
    }
    this.send({ op: 'ack', revision: registry.revision });
  }
}
