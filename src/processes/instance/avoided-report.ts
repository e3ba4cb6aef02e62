/**
 * Tells the supervisor whom this instance does not ask, or asks less: all of it, when it is another than was told, and again to a
 * successor. Bounded in length, and by how often it is given a look.
 */
import { avoidedKey } from '../../core/avoided.ts';
import type { Avoided } from '../../core/avoided.ts';
import { bounds } from '../../core/bounds.ts';
import type { InstanceMessage } from '../../mesh/control-protocol.ts';

/** A probe that failed is news; that an outlier is a little slower now is none. */
const textOf = (list: readonly Avoided[]): string =>
  list.map((one) => `${avoidedKey(one)} ${one.kind === 'breaker' ? String(one.probeAt) : ''}`).join('\n');

export class AvoidedReport {
  readonly #send: (message: InstanceMessage) => boolean;
  /** As it was heard last. */
  #told = '';

  constructor(send: (message: InstanceMessage) => boolean) {
    this.#send = send;
  }

  tell(all: readonly Avoided[]): void {
    const list = all.slice(0, bounds.avoidedTold);
    const text = textOf(list);
    if (text !== this.#told && this.#send({ op: 'avoids', list })) this.#told = text;
  }

  /** A successor has heard nothing yet, and may think of what is over. */
  repeat(): void {
    this.#told = '?';
  }
}
