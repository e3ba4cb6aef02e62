/**
 * Answers what the supervisor asks. One request is one function call on one part; an error is an answer too.
 */
import { TuttiError } from '../../core/errors.ts';
import type { KeeperError, KeeperFrame, KeeperOrder, KeeperState } from '../../core/keeper-frames.ts';
import type { Instances } from './instances.ts';
import type { Listeners } from './listeners.ts';
import type { Memos } from './memos.ts';

export interface KeeperParts {
  readonly instances: Instances;
  readonly listeners: Listeners;
  readonly memos: Memos;
  readonly rename: (app: string) => void;
  readonly finish: (code: number) => void;
}

export async function answer(
  order: { readonly id: number } & KeeperOrder,
  parts: KeeperParts,
): Promise<KeeperFrame> {
  const { id } = order;
  try {
    return { op: 'answer', id, ok: true, ...(await perform(order, parts)) };
  } catch (error) {
    return { op: 'answer', id, ok: false, error: describe(error) };
  }
}

export const stateOf = ({ instances, listeners, memos }: KeeperParts): KeeperState => ({
  processes: instances.living(),
  exited: instances.exited(),
  memos: memos.all(),
  listeners: listeners.list(),
});

const nothing = {};

async function perform(order: KeeperOrder, parts: KeeperParts): Promise<object> {
  switch (order.op) {
    case 'listen':
      return parts.listeners.listen(order);
    case 'unlisten':
      parts.listeners.unlisten(order.name);
      return nothing;
    case 'spawn':
      return parts.instances.spawn(order);
    case 'signal':
      return { sent: parts.instances.signal(order) };
    case 'memo':
      parts.memos.set(order.key, order.value);
      return nothing;
    case 'list':
      return stateOf(parts);
    case 'forget':
      parts.instances.forget(order.key, order.epoch);
      return nothing;
    case 'title':
      parts.rename(order.text);
      return nothing;
    case 'finish':
      parts.finish(order.code);
      return nothing;
  }
}

function describe(error: unknown): KeeperError {
  const { code = 'INTERNAL', message, syscall, path } = error as NodeJS.ErrnoException;
  if (error instanceof TuttiError) return { code, message };
  return {
    code,
    message,
    ...(syscall === undefined ? {} : { syscall }),
    ...(path === undefined ? {} : { path }),
  };
}
