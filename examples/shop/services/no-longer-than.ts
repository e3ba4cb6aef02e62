/** Waits for work that goes on by itself, but not for longer than that. @param work never rejects. */
export async function noLongerThan(ms: number, work: Promise<void>): Promise<void> {
  const { promise: enough, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  await Promise.race([work, enough]);
  clearTimeout(timer);
}
