/**
 * Runs the app's `onEvent` hook: user code that hears what happens to the app, in a process of its own, since none ever runs in the
 * supervisor. One event at a time, in order, each at least once while the app runs; one that fails or hangs is told and left behind.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { TuttiError } from '../../core/errors.ts';
import type { TuttiEvent } from '../../core/events.ts';
import { shown } from '../../core/options.ts';
import type { Log } from '../../define/handling.ts';
import { trusted } from '../../define/schema.ts';
import type { Schema } from '../../define/schema.ts';
import { defineSystemService } from '../../define/service.ts';
import type { SystemRuntime } from '../../mesh/runtime.ts';

export interface EventHookConfig {
  /** Absolute path of a module with `onEvent`. */
  readonly module: string;
}

export interface EventHookParts {
  close(): void;
}

export interface EventHookNeeds {
  readonly config: EventHookConfig;
  readonly runtime: Pick<SystemRuntime, 'nextEvents'>;
  readonly log: Log;
  /** For one event; then the next one has its turn. */
  readonly hookMs?: number;
}

type Hook = (event: TuttiEvent) => unknown;

async function loadHook(module: string): Promise<Hook> {
  const { onEvent } = (await import(pathToFileURL(module).href)) as { onEvent?: unknown };
  if (typeof onEvent === 'function') return onEvent as Hook;
  throw new TuttiError('CONFIG_INVALID', {
    message: `onEvent: ${module} must export a function onEvent(event); it has ${shown(onEvent)}`,
  });
}

interface Around {
  readonly log: Log;
  readonly hookMs: number;
  readonly signal: AbortSignal;
}

async function handle(hook: Hook, event: TuttiEvent, { log, hookMs }: Around): Promise<void> {
  const { seq } = event;
  const late = new AbortController();
  try {
    const inTime = await Promise.race([
      Promise.resolve(hook(event)).then(() => true),
      pause(hookMs, false, { signal: late.signal, ref: false }),
    ]);
    if (!inTime) log.error('onEvent took too long and is not waited for', { seq, waitedMs: hookMs });
  } catch (error) {
    log.error('onEvent failed', {
      seq,
      error: error instanceof Error ? (error.stack ?? error.message) : shown(error),
    });
  } finally {
    late.abort();
  }
}

async function run(hook: Hook, runtime: EventHookNeeds['runtime'], around: Around): Promise<void> {
  const { log, signal } = around;
  const isClosed = (): boolean => signal.aborted;
  for (let after: number | null = null; !isClosed();) {
    const { events, isGap } = await runtime.nextEvents(after);
    if (isGap) log.error('Events were dropped before onEvent came to them', { after });
    for (const event of events) {
      if (isClosed()) return;
      await handle(hook, event, around);
      after = event.seq;
    }
  }
}

export async function openEventHook(needs: EventHookNeeds): Promise<EventHookParts> {
  const { config, runtime, log, hookMs = 30_000 } = needs;
  const onEvent = await loadHook(config.module);
  const closed = new AbortController();
  void run(onEvent, runtime, { log, hookMs, signal: closed.signal });
  return {
    close: () => {
      closed.abort();
    },
  };
}

export const hook = defineSystemService<
  SystemRuntime,
  EventHookParts,
  Schema<EventHookConfig, EventHookConfig>
>({
  name: 'hook',
  version: '0.1.0',
  config: trusted<EventHookConfig>(),
  open: ({ config, runtime, log }) => openEventHook({ config, runtime, log }),
  close: ({ parts }) => {
    parts.close();
  },
});
