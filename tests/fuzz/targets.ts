/** Everything that reads bytes which somebody else wrote, with honest samples of them. Each refuses with what `isRefusal` knows, or not at all. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readKeeperRequest } from '../../src/core/keeper-frames.ts';
import { checkApp } from '../../src/define/check-app.ts';
import { checkService } from '../../src/define/check-service.ts';
import { defineService } from '../../src/define/service.ts';
import { readBody } from '../../src/mesh/body.ts';
import { readInstanceMessage } from '../../src/mesh/control-protocol.ts';
import { readEnvelope } from '../../src/mesh/envelope.ts';
import { FrameReader } from '../../src/mesh/frame-reader.ts';
import { frameKinds, makeFrame, readEnvelopeText, writeFrame } from '../../src/mesh/frames.ts';
import type { IncomingFrame } from '../../src/mesh/frames.ts';
import { readHello, readWelcome } from '../../src/mesh/hello.ts';
import { Link } from '../../src/mesh/link.ts';
import { readWireError } from '../../src/mesh/wire-error.ts';
import { systemClock } from '../../src/os/clock.ts';
import { encodeFrame, makeFrameDecoder } from '../../src/os/json-frames.ts';
import { sweep } from '../../src/os/processes-file.ts';
import { readRunning } from '../../src/os/running-file.ts';
import { readEvent } from '../../src/core/read-events.ts';
import { Overrides } from '../../src/processes/supervisor/overrides.ts';
import { SpoolOffsets } from '../../src/processes/supervisor/spool-offsets.ts';
import { LineJoiner } from '../../src/telemetry/line-joiner.ts';
import { LineSplitter } from '../../src/telemetry/line-splitter.ts';
import { readLogLine } from '../../src/telemetry/read-log-line.ts';
import type { Grammar } from './mutate.ts';

export interface Target extends Grammar {
  readonly name: string;
  /** Where each input costs a file or a look at /proc: its share is a tenth. */
  readonly isSlow?: true;
  /** @throws a refusal. */
  readonly read: (bytes: Buffer, folder: string) => unknown;
}

const text = (...objects: readonly [object, ...object[]]): readonly [string, ...string[]] => {
  const [first, ...rest] = objects.map((object) => JSON.stringify(object));
  return [first ?? '', ...rest];
};

const certificate = {
  text: '{"app":"a","service":"users","slot":1,"epoch":1,"mayCall":["orders"],"issuedAt":1}',
  signature: 'c2lnbmVk',
};
const hello = { op: 'hello', protocol: 1, certificate, phase: 'ready', manifestHash: 'abc' };
const policies = {
  restart: { maxRestarts: 3, minUptime: 5_000 },
  stop: { drainTimeout: 8_000 },
  health: { beat: 500 },
};
const app = {
  ...{ kind: 'app', name: 'shop', logLevel: 'info', shutdownTimeout: 60_000, ...policies },
  services: {
    orders: { module: './orders.ts', replicas: { min: 1, max: 4 } },
    users: { module: './users.ts', replicas: 2, config: { url: 'x' }, env: { A: 'b' }, ...policies },
  },
  gateways: { public: { host: '127.0.0.1', port: 5_000, exposed: false } },
};
const service = {
  ...{ name: 'users', version: '1.0.0', errors: { NAME_TAKEN: { http: 409, text: 'The name is taken' } } },
  ...{ needs: { orders: { remote: 'orders' } }, mayCall: {}, emits: {}, check: null },
};
const spawnOrder = {
  ...{
    op: 'spawn',
    id: 1,
    key: 'users#1',
    epoch: 1,
    entry: '/x/y.js',
    args: ['a'],
    cwd: '/x',
    env: { A: 'b' },
  },
  ...{ birth: [{ op: 'birth' }], listeners: ['public'], spool: { out: '/x/o', err: '/x/e' }, title: 'users' },
};

const event = {
  ...{
    type: 'instance',
    seq: 1,
    time: 1,
    instance: 'users#1@1',
    service: 'users',
    from: 'starting',
    to: 'ready',
  },
  ...{ reason: 'ready', evidence: { code: 1 }, failures: 0, crashLoop: false },
};

const jsonFrame = (body: Buffer): Buffer => {
  const head = encodeFrame({}).subarray(0, 4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
};

/** Splits in two, as a socket may. */
const halves = (bytes: Buffer): Buffer[] => [
  bytes.subarray(0, bytes.length >> 1),
  bytes.subarray(bytes.length >> 1),
];

function jsonFrames(bytes: Buffer, read: (value: unknown) => unknown): void {
  const decoder = makeFrameDecoder(65_536);
  for (const half of halves(bytes)) for (const frame of decoder.push(half).frames) read(frame);
}

const meshFrame =
  (kind: keyof typeof frameKinds) =>
  (body: Buffer): Buffer => {
    const frame = makeFrame(frameKinds[kind], 1, { body, flags: 0, envelope: '{"requestId":"r"}' });
    const bytes = Buffer.alloc(frame.bytes);
    writeFrame(bytes, 0, frame);
    // Bytes are marked as raw: here they are text.
    bytes[5] = (bytes[5] ?? 0) & ~1;
    return bytes;
  };

function meshFrames(bytes: Buffer, read: (frame: IncomingFrame) => unknown): void {
  const reader = new FrameReader(65_536, (frame) => {
    readEnvelope(readEnvelopeText(frame));
    read(frame);
  });
  for (const half of halves(bytes)) reader.push(half);
}

/** A connection without another side: what is written to it is gone. */
function linkOver(bytes: Buffer): void {
  let give: (chunk: Buffer) => void = () => undefined;
  const connection = {
    onData: (take: (chunk: Buffer) => void) => {
      give = take;
    },
    ...{ onClose: () => undefined, write: () => true, end: () => undefined, destroy: () => undefined },
    pendingBytes: 0,
    onDrain: () => undefined,
  };
  const link = new Link(connection, 65_536, {
    onFrame: (frame) => void readBody(frame),
    onClose: () => undefined,
  });
  for (const half of halves(bytes)) give(half);
  link.destroy();
}

function fileIn(folder: string, name: string, bytes: Buffer): void {
  writeFileSync(join(folder, name), bytes);
}

const origin = { instance: 'users#1@1', service: 'users', stream: 'stderr', now: 1 } as const;

/** As the supervisor does: split, joined, read, and written again as JSON. */
function logLines(bytes: Buffer): void {
  const splitter = new LineSplitter(1_024);
  const joiner = new LineJoiner({ lines: 50, chars: 4_096 });
  const split = [...halves(bytes).flatMap((half) => splitter.push(half)), ...splitter.end()];
  const joined = [...split.flatMap((line) => joiner.push(line)), ...joiner.flush()];
  for (const { text: line, end, stack } of joined) {
    if (Buffer.byteLength(line) > 4 * 1_024 + 4_096) throw new Error('a line over its bound');
    if (end > bytes.length) throw new Error('a place beyond the end');
    JSON.stringify(readLogLine(line, origin, { stack }));
  }
}

/** A boot that never was: nothing in it can name a process that lives. */
const swept = { pid: 4_242, startTime: 1, pgid: 4_242, key: 'users#1', boot: 'none' };

export const targets: readonly Target[] = [
  {
    name: 'control frames',
    samples: text(
      hello,
      { op: 'check', ok: true, reason: '' },
      { op: 'register', kind: 'gauge', name: 'x' },
      { op: 'lock', id: 1, name: 'reports.nightly', ttlMs: 30_000, waits: true },
      { op: 'unwait', id: 1, name: 'reports.nightly' },
      {
        op: 'avoids',
        list: [
          {
            kind: 'breaker',
            instance: 'users#1@2',
            action: 'get',
            failures: 5,
            percent: 50,
            last: 'INSTANCE_LOST',
            probeAt: 7.5,
          },
          { kind: 'outlier', instance: 'users#2@1', latencyMs: null, failedPart: 0.4 },
        ],
      },
      {
        op: 'unheard',
        instance: { service: 'worker', slot: 1, epoch: 2 },
        job: { queue: 'work', number: 17 },
      },
      { op: 'renew', name: 'reports.nightly', fence: 1 },
      { op: 'unlock', name: 'reports.nightly', fence: 1 },
      { op: 'ack', revision: 3 },
    ),
    frame: jsonFrame,
    read: (bytes) => {
      jsonFrames(bytes, readInstanceMessage);
    },
  },
  {
    name: 'keeper frames',
    samples: text(
      spawnOrder,
      { op: 'memo', id: 2, key: 'k', value: { a: 1 } },
      { op: 'signal', id: 3, key: 'k', signal: 'SIGTERM', group: true },
    ),
    frame: jsonFrame,
    read: (bytes) => {
      jsonFrames(bytes, readKeeperRequest);
    },
  },
  {
    name: 'mesh hello',
    samples: text({ protocol: 1, certificate }),
    frame: meshFrame('hello'),
    read: (bytes) => {
      meshFrames(bytes, readHello);
    },
  },
  {
    name: 'mesh welcome',
    samples: text({
      protocol: 1,
      certificate,
      actions: [{ name: 'get', hash: 'h', idempotent: true, priority: 5 }],
      events: ['user.created'],
    }),
    frame: meshFrame('welcome'),
    read: (bytes) => {
      meshFrames(bytes, readWelcome);
    },
  },
  {
    name: 'mesh errors',
    samples: text({
      code: 'NOT_FOUND',
      message: 'x',
      data: { what: 'y' },
      http: 404,
      retryable: false,
      stack: 's',
    }),
    frame: meshFrame('error'),
    read: (bytes) => {
      meshFrames(bytes, (frame) => readWireError(readBody(frame), 'users.fetch'));
    },
  },
  {
    name: 'a link',
    samples: text({ id: 1, name: 'x', tags: ['a'] }),
    frame: meshFrame('request'),
    read: linkOver,
  },
  {
    name: 'the overrides file',
    isSlow: true,
    samples: text({ replicas: { users: 3 }, stopped: ['orders'] }),
    read: (bytes, folder) => {
      fileIn(folder, 'overrides.json', bytes);
      const overrides = new Overrides(folder, () => undefined);
      return [overrides.byHand(), overrides.replicas('constructor'), overrides.isStopped('__proto__')];
    },
  },
  {
    name: 'the processes file',
    isSlow: true,
    samples: text(swept, { ...swept, gone: true }),
    read: async (bytes, folder) => {
      fileIn(folder, 'processes', bytes);
      const { killed } = await sweep(folder, systemClock);
      if (killed.length > 0) throw new Error('somebody was killed');
    },
  },
  {
    name: 'running.json',
    isSlow: true,
    samples: text({
      pid: 4_242,
      app: 'shop',
      appFile: '/x/tutti.ts',
      adminSocket: '/x/admin.sock',
      startedAt: 1,
    }),
    read: (bytes, folder) => {
      fileIn(folder, 'running.json', bytes);
      return readRunning(folder);
    },
  },
  {
    name: 'the offsets file',
    isSlow: true,
    samples: text({ '/x/users.1.out': 4_096, '/x/users.1.err': 0 }),
    read: (bytes, folder) => {
      mkdirSync(join(folder, 'spool'), { recursive: true });
      fileIn(folder, 'spool/offsets.json', bytes);
      const offset = new SpoolOffsets(folder).get('/x/users.1.out');
      if (!(offset >= 0) || !Number.isSafeInteger(offset)) throw new Error(`an offset of ${String(offset)}`);
    },
  },
  {
    name: 'lines of the event file',
    samples: text(event, { type: 'app', seq: 2, time: 1, name: 'app:started', reason: 'x', evidence: {} }),
    read: (bytes) => bytes.toString().split('\n').map(readEvent),
  },
  {
    name: 'log lines',
    samples: text(
      { level: 30, time: 1, msg: 'hello', requestId: 'r', instance: 'other', fields: { a: [1] } },
      { level: 50, time: 2, msg: 'bad\n    at x (/y/z.js:1:2)\nCaused by: it\n    at q', stack: 'Error: x' },
    ),
    frame: (body) => Buffer.concat([body, Buffer.from('\nError: bad\n    at x (/y/z.js:1:2)\n'), body]),
    read: logLines,
  },
  { name: 'app files as data', samples: text(app), read: (bytes) => checkApp(parsed(bytes)) },
  {
    name: 'service definitions as data',
    samples: text(service),
    read: (bytes) => {
      const given = parsed(bytes);
      if (typeof given !== 'object' || given === null) return;
      checkService(defineService(given as never));
    },
  },
];

/** Undefined where it is not JSON: that is not for these to read. */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
