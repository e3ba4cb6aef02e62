/** How soon is it noticed that a service is gone, or stands still, and how soon is it served again? Seen by its clients. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Reply } from './supervised.ts';
import { ask, pidIn, servedByOther } from './supervised.ts';

/** Longer than `minUptime`, so that each death is a first one and restarted without a wait. */
export const aliveMs = 1_500;

/** From `kill -9` of the process that answers at `url` to the first answer of another one. */
export async function killedToServingMs(url: string, livesMs: number): Promise<number> {
  const pid = await servedByOther(url, 0);
  await delay(livesMs);
  const began = performance.now();
  process.kill(pid, 'SIGKILL');
  await servedByOther(url, pid);
  return performance.now() - began;
}

export interface Standstill extends Record<string, number> {
  /** From SIGSTOP until a request is turned away at once instead of left hanging; NaN: never. */
  refusedMs: number;
  /** From SIGSTOP until another process answers; NaN: never. */
  servingMs: number;
}

const askEveryMs = 50;
const atOnceMs = 40;

interface Asked {
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly reply: Reply;
}

/** SIGSTOPs the process that answers, and asks on while earlier requests hang. Ends with `limitMs`, and wakes it then. */
export async function standstill(url: string, limitMs: number): Promise<Standstill> {
  const pid = await servedByOther(url, 0);
  await delay(aliveMs);
  const over = new AbortController();
  const answers: Asked[] = [];
  const began = performance.now();
  const since = (): number => performance.now() - began;
  process.kill(pid, 'SIGSTOP');
  try {
    while (since() < limitMs && !answers.some(({ reply }) => isOther(reply, pid))) {
      const sentMs = since();
      void ask(url, over.signal).then((reply) => {
        if (reply !== undefined) answers.push({ sentMs, answeredMs: since(), reply });
      });
      await delay(askEveryMs);
    }
  } finally {
    over.abort();
    wake(pid);
  }
  const refused = answers.find(
    ({ sentMs, answeredMs, reply }) => reply.status === 503 && answeredMs - sentMs < atOnceMs,
  );
  const served = answers.find(({ reply }) => isOther(reply, pid));
  return { refusedMs: refused?.sentMs ?? NaN, servingMs: served?.answeredMs ?? NaN };
}

function isOther(reply: Reply, pid: number): boolean {
  const answered = pidIn(reply);
  return answered !== undefined && answered !== pid;
}

function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It was replaced meanwhile, as it should.
  }
}
