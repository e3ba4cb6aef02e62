/**
 * The ordered stop of the whole app: gateways, then those who need, then what they need; side by side inside a level.
 * Ends when nobody has a process any more; whoever is not gone within the app's `shutdownTimeout` is killed with all the rest.
 */
import { slotId } from '../../core/ids.ts';
import { hasProcess } from '../../core/instance-state.ts';
import type { Clock } from '../../core/ports.ts';
import { stopOrder } from './plan.ts';
import type { RunningApp } from './running-app.ts';

export class AppStop {
  readonly #app: RunningApp;
  readonly #clock: Clock;
  #done: Promise<void> | undefined;

  constructor(app: RunningApp, clock: Clock) {
    this.#app = app;
    this.#clock = clock;
  }

  get hasBegun(): boolean {
    return this.#done !== undefined;
  }

  /** Asked again it is the same stop. */
  begin(reason: string): Promise<void> {
    this.#done ??= this.#stop(reason);
    return this.#done;
  }

  /** All at once, with SIGKILL. */
  now(reason: string): void {
    this.#app.wanted.beginStop();
    for (const slot of this.#app.slots.all())
      this.#app.slots.dispatch(slotId(slot), { type: 'stop-now', reason });
  }

  async #stop(reason: string): Promise<void> {
    this.#app.wanted.beginStop();
    const limit = this.#clock.after(this.#app.plan.options.shutdownTimeout, () => {
      this.now('the app did not stop in time');
    });
    for (const services of stopOrder(this.#app.plan)) {
      const slots = services.flatMap((service) => this.#app.slots.of(service));
      for (const slot of slots) this.#app.slots.dispatch(slotId(slot), { type: 'stop', reason });
      await this.#gone(services);
    }
    limit.cancel();
  }

  #gone(services: readonly string[]): Promise<void> {
    const isGone = (): boolean => !services.some((service) => this.#app.slots.of(service).some(hasProcess));
    return new Promise((done) => {
      if (isGone()) {
        done();
        return;
      }
      const end = this.#app.onEvent(() => {
        if (!isGone()) return;
        end();
        done();
      });
    });
  }
}
