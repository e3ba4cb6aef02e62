/** Fifty who watch a registry in another process, some of them through a way that loses, repeats or is slow. No test of its own. */
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { SupervisorMessage } from '../../../src/mesh/control-protocol.ts';
import { RegistryView } from '../../../src/mesh/registry-view.ts';
import type { RegistryDelta, RegistryService } from '../../../src/mesh/registry-view.ts';
import { systemClock } from '../../../src/os/clock.ts';
import { generateKeys, issueCertificate } from '../../../src/os/identity.ts';
import { encodeFrame, makeFrameDecoder } from '../../../src/os/json-frames.ts';
import { ControlLink } from '../../../src/processes/instance/control-link.ts';

export const keys = generateKeys();

/** What a watcher knew after a message. */
export interface Heard {
  readonly op: 'welcome' | 'snapshot' | 'delta';
  readonly revision: number;
  /** Of a change: the service as the watcher sees it then; of the others all services. */
  readonly seen: string;
}

/** Written alike where it is true and where it is seen. */
export const written = (entry: RegistryService | null | undefined): string => JSON.stringify(entry ?? null);
export const allWritten = (services: Iterable<[string, RegistryService]>): string =>
  JSON.stringify([...services].sort(([one], [other]) => (one < other ? -1 : 1)));

export class Watcher {
  readonly view = new RegistryView();
  readonly heard: Heard[] = [];
  readonly #link: ControlLink;

  constructor(path: string, slot: number) {
    const claims = { app: 'test', service: 'watcher', slot, epoch: 1, mayCall: [], issuedAt: 1 };
    this.#link = new ControlLink({
      path,
      certificate: issueCertificate(claims, keys.privateKey),
      registry: this.view,
      clock: systemClock,
      phase: () => 'opening',
      manifestHash: () => '',
      onMessage: (message) => {
        this.#note(message);
      },
    });
  }

  close(): void {
    this.#link.close();
  }

  #note(message: SupervisorMessage): void {
    const { revision } = this.view;
    if (message.op === 'delta')
      this.heard.push({ op: 'delta', revision, seen: written(this.view.service(message.service)) });
    else if (message.op === 'welcome' || message.op === 'snapshot')
      this.heard.push({ op: message.op, revision, seen: allWritten(this.view.services()) });
  }
}

/** Stands between a supervisor and some of its watchers: what it tells them passes here frame by frame. */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** While it is, nothing passes. */
  isSlow = false;
  lost = 0;
  repeated = 0;
  #count = 0;

  constructor(path: string, to: string, every: { readonly lose?: number; readonly repeat?: number }) {
    this.#server = createServer((near) => {
      const far = connect(to);
      const decoder = makeFrameDecoder(2 ** 20);
      for (const socket of [near, far]) this.#sockets.add(socket.on('error', () => undefined));
      near.pipe(far);
      const pass = (chunk: Buffer): void => {
        for (const frame of decoder.push(chunk).frames) {
          const isDelta = (frame as RegistryDelta & { op: string }).op === 'delta';
          this.#count += Number(isDelta);
          if (isDelta && this.#count % (every.lose ?? Infinity) === 0) this.lost += 1;
          else near.write(encodeFrame(frame));
          if (isDelta && this.#count % (every.repeat ?? Infinity) === 0) {
            this.repeated += 1;
            near.write(encodeFrame(frame));
          }
        }
      };
      far.on('data', (chunk: Buffer) => {
        pass(chunk);
        if (this.isSlow) far.pause();
      });
      far.on('close', () => {
        near.destroySoon();
      });
      near.on('close', () => far.destroy());
    }).listen(path);
  }

  goOn(): void {
    this.isSlow = false;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
