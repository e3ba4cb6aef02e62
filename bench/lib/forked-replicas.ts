/** Two nodes of a peer behind its gateway, each started again as soon as it ends: for peers that have nobody who does that. */
import type { ChildProcess } from 'node:child_process';
import type { Replicas } from '../deaths.ts';
import type { Meeting } from './peer.ts';
import { answer, end, meeting, startRole } from './spawn.ts';

export interface ReplicasMeeting extends Meeting {
  readonly retries: boolean;
}

export async function forkedReplicas(module: string, retries: boolean): Promise<Replicas> {
  const at = await meeting();
  const running = new Map<string, ChildProcess>();
  let isOver = false;
  const start = async (role: string, node: string): Promise<void> => {
    const child = startRole(module, role, { ...at, retries } as ReplicasMeeting);
    running.set(node, child);
    child.once('exit', () => {
      if (!isOver) start(role, node).catch(() => undefined);
    });
    await answer(child);
  };
  await start('serve', 'one');
  await start('serve', 'two');
  await start('gateway', 'gateway');
  return {
    url: `http://127.0.0.1:${String(at.httpPort)}/`,
    pids: () => Promise.resolve(['one', 'two'].map((node) => running.get(node)?.pid ?? 0)),
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all([...running.values()].map((child) => end(child)));
    },
  };
}
