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

type Hook = (event: TuttiEvent) => unknown;

/** For one event; then the next one has its turn. */
const hookMs = 30_000;

async function loadHook(module: string): Promise<Hook> {
  const { onEvent } = (await import(pathToFileURL(module).href)) as { onEvent?: unknown };
  if (typeof onEvent === 'function') return onEvent as Hook;
  throw new TuttiError('CONFIG_INVALID', {
    message: `onEvent: ${module} must export a function onEvent(event); it has ${shown(onEvent)}`,
  });
}

async function handle(hook: Hook, event: TuttiEvent, log: Log): Promise<void> {
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

async function run(
  hook: Hook,
  runtime: SystemRuntime,
  around: { log: Log; signal: AbortSignal },
): Promise<void> {
  const { log, signal } = around;
  const isClosed = (): boolean => signal.aborted;
  for (let after: number | null = null; !isClosed();) {
    const { events, isGap } = await runtime.nextEvents(after);
    if (isGap) log.error('Events were dropped before onEvent came to them', { after });
    for (const event of events) {
      if (isClosed()) return;
      await handle(hook, event, log);
      after = event.seq;
    }
  }
}

export const hook = defineSystemService<
  SystemRuntime,
  EventHookParts,
  Schema<EventHookConfig, EventHookConfig>
>({
  name: 'hook',
  version: '0.1.0',
  config: trusted<EventHookConfig>(),
  async open({ config, runtime, log }) {
    const onEvent = await loadHook(config.module);
    const closed = new AbortController();
    void run(onEvent, runtime, { log, signal: closed.signal });
    return {
      close: () => {
        closed.abort();
      },
    };
  },
  close: ({ parts }) => {
    parts.close();
  },
});
