/** What a test holds in its hands, whether the app runs in the test's own process or in real ones. */
import type { AppStatus } from '../core/status.ts';
import type { InstanceState } from '../core/instance-state.ts';

export interface TestAppOptions {
  /** Real processes: keeper, supervisor and instances, as `tutti start` runs them. Default: all in the test's own process. */
  readonly processes?: boolean;
  /** Only these services, and what they need; the gateways always. */
  readonly only?: readonly string[];
  /** Settings for `readEnv`, above `.env` and the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long to wait until the app is ready. Default 30,000 ms. */
  readonly readyMs?: number;
}

export interface TestStream extends AsyncIterable<unknown> {
  /** What the action gives at its end; one that gives items has to be read to it. */
  readonly result: Promise<unknown>;
}

export interface TestApp extends AsyncDisposable {
  /** As the operator. @throws {TuttiError} what the action fails with. */
  call(action: string, input?: unknown): Promise<unknown>;
  /** The same of a stream; `items` go to it. It begins with the first look at it, and is read once. */
  stream(action: string, input?: unknown, items?: Iterable<unknown>): TestStream;
  emit(event: string, payload: unknown): Promise<{ delivered: number }>;
  /** `http://127.0.0.1:PORT` */
  gatewayUrl(gateway?: string): string;
  status(): Promise<AppStatus>;
  /** SIGKILL to one instance: `users#1`. With real processes only. */
  kill(instance: string): Promise<void>;
  /** Until all instances of a service, or one (`users#1`), are in this state. @throws {Error} after `timeoutMs` (default 10,000), with what is instead. */
  until(target: string, state: InstanceState, timeoutMs?: number): Promise<void>;
  /** With real processes only. */
  stop(target: string): Promise<void>;
  start(target: string): Promise<void>;
  restart(target: string): Promise<void>;
  scale(service: string, replicas: number): Promise<void>;
  /** In order, everything. Closing twice is harmless. */
  close(): Promise<void>;
}
