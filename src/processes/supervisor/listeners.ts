/** The listening sockets of gateways: bound once by the keeper, which keeps them when gateways and supervisors die. Owner of which port is whose. */
import type { KeeperLink } from './keeper-link.ts';
import type { AppPlan, ServicePlan } from './plan.ts';
import { explainTaken } from './port-taken.ts';
import { urlsOf } from './status.ts';

export class Listeners {
  readonly #keeper: KeeperLink;
  readonly #ports = new Map<string, number>();

  constructor(keeper: KeeperLink) {
    this.#keeper = keeper;
  }

  /** Binds those that are not bound yet. @throws {TuttiError} when a port is taken. */
  async open(plan: AppPlan): Promise<void> {
    for (const { listener } of plan.services.values()) {
      if (listener === undefined) continue;
      const { port } = await this.#keeper
        .ask<{ port: number }>({ op: 'listen', ...listener })
        .catch((error: unknown) => {
          throw explainTaken(error, listener);
        });
      this.#ports.set(listener.name, port);
    }
  }

  /** Lets go of those that the next plan has not, and binds the others. Nobody may be listening on the former. */
  async replace(plan: AppPlan, next: AppPlan): Promise<void> {
    for (const { listener } of plan.services.values()) {
      if (listener === undefined) continue;
      const kept = next.services.get(listener.name)?.listener;
      if (kept?.host === listener.host && kept.port === listener.port) continue;
      await this.#keeper.ask({ op: 'unlisten', name: listener.name });
      this.#ports.delete(listener.name);
    }
    await this.open(next);
  }

  urls({ name, listener }: ServicePlan): string[] {
    return urlsOf(listener, this.#ports.get(name));
  }
}
