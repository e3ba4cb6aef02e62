/** The floor: a parent that starts its child again when it ended, and knows nothing else. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { end, environment } from '../lib/spawn.ts';
import type { ServiceEnvironment, Services, Supervised } from '../lib/supervised.ts';

const program = join(import.meta.dirname, 'service.js');

class Kept {
  child: ChildProcess;
  restarts = 0;
  readonly #env: ServiceEnvironment;
  #ending = false;

  constructor(env: ServiceEnvironment) {
    this.#env = env;
    this.child = this.#start();
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#ending = true;
    await end(this.child, signal);
  }

  #start(): ChildProcess {
    const env = { ...environment, ...this.#env };
    const child = fork(program, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    child.once('exit', () => {
      if (this.#ending) return;
      this.restarts += 1;
      this.child = this.#start();
    });
    return child;
  }
}

export function superviseByHand(services: Services): Promise<Supervised> {
  const kept = new Map(Object.entries(services).map(([name, env]) => [name, new Kept(env)]));
  const of = (name: string): Kept => {
    const found = kept.get(name);
    if (found === undefined) throw new Error(`there is no service ${name}`);
    return found;
  };
  const endAll = async (signal: NodeJS.Signals): Promise<void> => {
    await Promise.all([...kept.values()].map((one) => one.end(signal)));
  };
  return Promise.resolve({
    supervisors: [],
    pidOf: (name) => Promise.resolve(of(name).child.pid ?? 0),
    says: (name) => Promise.resolve({ state: 'nothing', restarts: of(name).restarts }),
    stopAll: () => endAll('SIGTERM'),
    [Symbol.asyncDispose]: () => endAll('SIGKILL'),
  });
}
