/**
 * The sockets on which the app listens: bound once, kept over every restart of gateways and supervisor.
 */
import { TuttiError } from '../../core/errors.ts';
import type { KeeperListener } from '../../core/keeper-frames.ts';
import { canInheritSockets, closeListeningSocket, openListeningSocket } from '../../os/listening-socket.ts';

interface Kept extends KeeperListener {
  readonly asked: number;
  readonly fd: number;
}

export class Listeners {
  readonly #kept = new Map<string, Kept>();

  /**
   * The same name for the same address again gives the port that it has. `inherited: false`: nothing is bound, since
   * koffi did not load; the gateways bind for themselves.
   */
  async listen({ name, host, port }: KeeperListener): Promise<{ port: number; inherited: boolean }> {
    const kept = this.#kept.get(name);
    if (kept?.host === host && (kept.asked === port || kept.port === port))
      return { port: kept.port, inherited: true };
    if (kept !== undefined) throw new TuttiError('CONFLICT', { what: `The listener ${name}` });
    if (!canInheritSockets()) return { port, inherited: false };
    const socket = await openListeningSocket({ host, port });
    this.#kept.set(name, { name, host, asked: port, ...socket });
    return { port: socket.port, inherited: true };
  }

  unlisten(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#kept.delete(name);
    closeListeningSocket(kept.fd);
  }

  /** In the order asked for. */
  descriptors(names: readonly string[]): number[] {
    return names.map((name) => {
      const kept = this.#kept.get(name);
      if (kept === undefined) throw new TuttiError('NOT_FOUND', { what: `The listener ${name}` });
      return kept.fd;
    });
  }

  list(): KeeperListener[] {
    return [...this.#kept.values()].map(({ name, host, port }) => ({ name, host, port }));
  }

  close(): void {
    for (const name of [...this.#kept.keys()]) this.unlisten(name);
  }
}
