/** Resolves when whoever asked has gone; at once when he has already. Used by what the admin API answers late. */
export function untilAborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const done = (): void => {
    resolve(undefined);
  };
  if (signal.aborted) done();
  else signal.addEventListener('abort', done, { once: true });
  return promise;
}
