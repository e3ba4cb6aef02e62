/** Ctrl-C, SIGTERM, a closed terminal, or a reader who has enough: the ends of a command that goes on by itself. */

export interface Enough extends Disposable {
  readonly signal: AbortSignal;
  readonly abort: () => void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** While it lives these signals end the command and not the process. */
export function untilSignal(): Enough {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
  };
  for (const name of signals) process.on(name, abort);
  process.stdout.once('error', abort);
  return {
    signal: controller.signal,
    abort,
    [Symbol.dispose]: () => {
      for (const name of signals) process.off(name, abort);
      process.stdout.off('error', abort);
    },
  };
}
