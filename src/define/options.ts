/**
 * The options of an app file that are numbers and switches, each in one table. `docs/reference/options.md` is checked against them.
 */
import { ackClasses } from '../core/ack-class.ts';
import type { OptionTable } from '../core/options.ts';

export const restartOptions = {
  maxRestarts: {
    kind: 'whole',
    default: undefined,
    unit: 'restarts',
    doc: 'Quick failures in a row before giving up. Default: never.',
  },
  minUptime: {
    kind: 'whole',
    default: 5_000,
    unit: 'ms',
    doc: 'Being ready this long makes the next exit a first failure again.',
  },
  startTimeout: {
    kind: 'whole',
    default: 30_000,
    min: 1,
    unit: 'ms',
    doc: 'From spawn to ready; beyond it the process is killed, and that counts.',
  },
  maxDelay: { kind: 'whole', default: 30_000, min: 1, unit: 'ms', doc: 'Longest wait between two starts.' },
  memoryMax: {
    kind: 'whole',
    default: undefined,
    min: 1_048_576,
    unit: 'bytes',
    doc: 'Resident memory over this in three samples in a row: replaced, the new one ready before the old one drains. Default: never.',
  },
} as const satisfies OptionTable;

export const stopOptions = {
  drainTimeout: {
    kind: 'whole',
    default: 8_000,
    unit: 'ms',
    doc: 'For work in flight after a stop was asked for; then SIGTERM.',
  },
  drainMax: {
    kind: 'whole',
    default: 60_000,
    unit: 'ms',
    doc: 'The same with all that `extend()` asked for.',
  },
  killAfter: {
    kind: 'whole',
    default: 2_000,
    unit: 'ms',
    doc: 'From SIGTERM to SIGKILL of the process group.',
  },
} as const satisfies OptionTable;

export const healthOptions = {
  beat: {
    kind: 'whole',
    default: 500,
    min: 10,
    unit: 'ms',
    doc: 'How often an instance writes its heartbeat.',
  },
  staleAfter: {
    kind: 'whole',
    default: 3_000,
    min: 20,
    unit: 'ms',
    doc: 'A heartbeat older than this makes the instance unready.',
  },
  heartbeatTimeout: {
    kind: 'whole',
    default: 10_000,
    min: 50,
    unit: 'ms',
    doc: 'Without a heartbeat and without progress for this long: killed.',
  },
  busyAfter: {
    kind: 'whole',
    default: 60_000,
    min: 50,
    unit: 'ms',
    doc: 'Without a heartbeat, though working, for this long: killed.',
  },
  checkInterval: {
    kind: 'whole',
    default: 5_000,
    min: 10,
    unit: 'ms',
    doc: 'How often the check() of a service runs.',
  },
} as const satisfies OptionTable;

export const logsOptions = {
  file: {
    kind: 'text',
    default: undefined,
    doc: 'Path of a file that gets every line as JSON, from the app file. Default: no file.',
  },
  maxBytes: {
    kind: 'whole',
    default: 10_485_760,
    min: 65_536,
    unit: 'bytes',
    doc: 'A file this large becomes `<file>.1`, and that `<file>.2`.',
  },
  keep: {
    kind: 'whole',
    default: 5,
    max: 1_000,
    unit: 'files',
    doc: 'How many of these are kept beside the one that is written.',
  },
} as const satisfies OptionTable;

export const appOptions = {
  shutdownTimeout: {
    kind: 'whole',
    default: 60_000,
    min: 1,
    unit: 'ms',
    doc: 'For the ordered stop of the whole app; then all at once.',
  },
  orphanGrace: {
    kind: 'whole',
    default: 5_000,
    unit: 'ms',
    doc: 'What an instance has to finish in when the keeper is gone.',
  },
} as const satisfies OptionTable;

export const serviceOptions = {
  replicas: {
    kind: 'whole',
    default: 1,
    min: 0,
    max: 256,
    unit: 'processes',
    doc: 'How many processes run this service; `{ min, max }`: as many as its load asks for.',
  },
  optional: { kind: 'boolean', default: false, doc: 'The app counts as healthy without it.' },
} as const satisfies OptionTable;

export const rangeOptions = {
  min: {
    kind: 'whole',
    default: 1,
    min: 1,
    max: 256,
    unit: 'processes',
    doc: 'Never fewer, and as many at the start.',
  },
  max: {
    kind: 'whole',
    default: undefined,
    min: 1,
    max: 256,
    unit: 'processes',
    doc: 'Never more. Has to be given.',
  },
} as const satisfies OptionTable;

export const poolOptions = {
  size: {
    kind: 'whole',
    default: 1,
    min: 1,
    max: 64,
    unit: 'processes',
    doc: 'How many calls run at once: one in each process.',
  },
  spares: {
    kind: 'whole',
    default: 1,
    min: 0,
    max: 64,
    unit: 'processes',
    doc: 'Processes that stand ready beside these, to take the place of one that ends.',
  },
  callLimit: {
    kind: 'whole',
    default: 10_000,
    min: 10,
    max: 3_600_000,
    unit: 'ms',
    doc: 'How long a call may run; beyond it its process is killed and the caller gets `CALL_LIMIT_EXCEEDED`.',
  },
  recycleAfter: {
    kind: 'whole',
    default: undefined,
    min: 1,
    unit: 'calls',
    doc: 'After so many calls a process is replaced, the new one ready before the old one drains. Default: never.',
  },
} as const satisfies OptionTable;

export const storeOptions = {
  url: {
    kind: 'text',
    default: 'sqlite:',
    doc: 'Where durable work is kept: `sqlite:` and the path of a file, from the app file (default: `store.db` in the state directory), or the URL of a Redis or a PostgreSQL: `redis://…`, `rediss://…`, `postgres://…`.',
  },
  name: {
    kind: 'text',
    default: undefined,
    doc: 'In Redis or PostgreSQL: what it is called there; apps that share a server have stores of different names. Default: the name of the app.',
  },
  requireAck: {
    kind: 'text',
    default: undefined,
    choices: ackClasses,
    doc: 'What an acknowledgement has to survive, at least; an engine whose settings keep less is refused: the death of every process (`process`), the loss of power (`disk`), the loss of a machine (`replicated`).',
  },
} as const satisfies OptionTable;

export const gatewayOptions = {
  host: {
    kind: 'text',
    default: '127.0.0.1',
    doc: 'Address to listen on. Anything but loopback also needs `exposed: true`.',
  },
  port: {
    kind: 'whole',
    default: 5_000,
    min: 0,
    max: 65_535,
    doc: 'Port to listen on; 0: any that is free.',
  },
  replicas: {
    kind: 'whole',
    default: 1,
    min: 1,
    max: 64,
    unit: 'processes',
    doc: 'Processes that accept on the same socket.',
  },
  exposed: {
    kind: 'boolean',
    default: false,
    doc: 'Says that others than this machine are meant to reach it.',
  },
  bodyLimit: {
    kind: 'whole',
    default: 1_048_576,
    min: 1,
    max: 15_728_640,
    unit: 'bytes',
    doc: 'Largest request body.',
  },
  maxConnections: {
    kind: 'whole',
    default: 10_000,
    min: 1,
    max: 100_000,
    unit: 'connections',
    doc: 'Open connections of each process; beyond them the newest is closed at once, and counted.',
  },
  deadline: {
    kind: 'whole',
    default: 5_000,
    min: 1,
    max: 60_000,
    unit: 'ms',
    doc: 'What a request has to be answered in, unless the client or the action names another time.',
  },
} as const satisfies OptionTable;
