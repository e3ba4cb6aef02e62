/**
 * What keeper and supervisor say to each other on the supervisor's fd 3. Pure: shapes, and the check of what comes in.
 * Requests carry an `id` and get one `answer` with it; `up` and `pong` are told, not asked.
 */
import { TuttiError } from './errors.ts';

export interface KeeperProcess {
  readonly key: string;
  readonly epoch: number;
  /** Also its process group: every process that the keeper starts leads its own. */
  readonly pid: number;
  /** Ticks since boot; 0 where there is no /proc. */
  readonly startTime: number;
}

/** Said when the process has ended and nobody of its group is left; kept until `forget`. */
export interface KeeperExit {
  readonly key: string;
  readonly epoch: number;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
  /** Monotonic milliseconds at which the process itself ended. */
  readonly at: number;
  /** Members of the group that SIGKILL did not end within 10 s (a stalled disk): there may be some. */
  readonly left?: true;
}

export interface KeeperListener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** How a supervisor ended. */
export interface SupervisorEnd {
  /** Null: it could not be spawned. */
  readonly pid: number | null;
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the keeper killed it. */
  readonly killedFor?: string;
}

/** What the keeper knows: the answer to `list`, and part of the welcome. */
export interface KeeperState {
  readonly processes: readonly KeeperProcess[];
  readonly exited: readonly KeeperExit[];
  readonly memos: Readonly<Record<string, unknown>>;
  readonly listeners: readonly KeeperListener[];
}

export interface KeeperError {
  readonly code: string;
  readonly message: string;
  readonly syscall?: string;
  readonly path?: string;
}

export type KeeperFrame =
  | ({
      readonly op: 'welcome';
      readonly generation: number;
      /** Of the supervisor before this one. */
      readonly predecessor?: SupervisorEnd;
      readonly keys: { readonly publicKey: string; readonly privateKey: string };
    } & KeeperState)
  | { readonly op: 'answer'; readonly id: number; readonly ok: true; readonly [field: string]: unknown }
  | { readonly op: 'answer'; readonly id: number; readonly ok: false; readonly error: KeeperError }
  | ({ readonly op: 'exited' } & KeeperExit)
  | { readonly op: 'stop'; readonly reason: string; readonly count: number }
  | { readonly op: 'ping' };

export interface SpawnOrder {
  /** The slot: one living process each. */
  readonly key: string;
  readonly epoch: number;
  /** Absolute path of what node runs. */
  readonly entry: string;
  /** Handed to the entry as they are: no shell, and no options of node. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What `ps` shows until the process says better. */
  readonly title?: string;
  /** The first frames on its fd 3. */
  readonly birth: readonly object[];
  /** Names of listeners that it inherits as fd 4, 5 …, in this order. */
  readonly listeners: readonly string[];
  readonly spool: { readonly out: string; readonly err: string };
}

export interface SignalOrder {
  readonly key: string;
  readonly signal: string;
  /** The whole group and not only its leader. */
  readonly group: boolean;
}

export type KeeperRequest =
  { readonly op: 'up' } | { readonly op: 'pong' } | ({ readonly id: number } & KeeperOrder);

export type KeeperOrder =
  | ({ readonly op: 'listen' } & KeeperListener)
  | { readonly op: 'unlisten'; readonly name: string }
  | ({ readonly op: 'spawn' } & SpawnOrder)
  | ({ readonly op: 'signal' } & SignalOrder)
  | { readonly op: 'memo'; readonly key: string; readonly value: unknown }
  | { readonly op: 'list' }
  | { readonly op: 'forget'; readonly key: string; readonly epoch: number }
  /** The name of the app, for the title of the process and `running.json`. */
  | { readonly op: 'title'; readonly text: string }
  | { readonly op: 'finish'; readonly code: number };

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
/** What goes into a system call ends at the first NUL, so it may hold none. */
const plain: Check = (value) => typeof value === 'string' && value !== '' && !value.includes('\0');
const count: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const upTo =
  (most: number): Check =>
  (value) =>
    count(value) && Number(value) <= most;
const flag: Check = (value) => typeof value === 'boolean';
const anything: Check = (value) => value !== undefined;
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) && Object.entries(checks).every(([name, check]) => check(value[name]));

const orders: Readonly<Record<KeeperOrder['op'], Check>> = {
  listen: fields({ name: text, host: plain, port: upTo(65_535) }),
  unlisten: fields({ name: text }),
  spawn: fields({
    key: plain,
    epoch: count,
    entry: (value) => plain(value) && String(value).startsWith('/'),
    args: list((value) => typeof value === 'string' && !value.includes('\0')),
    cwd: plain,
    env: (value) => isRecord(value) && Object.values(value).every((one) => typeof one === 'string'),
    title: optional(plain),
    birth: list(isRecord),
    listeners: list(text),
    spool: fields({ out: plain, err: plain }),
  }),
  signal: fields({
    key: plain,
    signal: (value) => typeof value === 'string' && /^SIG[A-Z0-9]{2,10}$/.test(value),
    group: flag,
  }),
  memo: fields({ key: plain, value: anything }),
  list: isRecord,
  forget: fields({ key: plain, epoch: count }),
  title: fields({ text: plain }),
  finish: fields({ code: upTo(255) }),
};

/** @throws {TuttiError} `PROTOCOL_ERROR` for everything that is no request. */
export function readKeeperRequest(value: unknown): KeeperRequest {
  if (!isRecord(value)) throw unreadable('no object');
  const { op, id } = value;
  if (op === 'up' || op === 'pong') return { op };
  if (typeof op !== 'string' || !Object.hasOwn(orders, op)) throw unreadable('an unknown op');
  if (!count(id) || !orders[op as KeeperOrder['op']](value)) throw unreadable(`a ${op} with wrong fields`);
  return value as unknown as KeeperRequest;
}

const unreadable = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });
