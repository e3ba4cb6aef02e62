/**
 * What `GET /logs` gives: the lines that are remembered and wanted, then what comes, until the reader goes. Used by the admin routes.
 */
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { LogLevel, LogLine } from '../../core/log-line.ts';
import { levelAtLeast, logLevels } from '../../core/log-line.ts';
import { queryNumber } from './admin-request.ts';
import type { AdminRequest, AdminRoute, LineSink } from './admin-server.ts';
import type { LogHub } from './log-hub.ts';
import { untilAborted } from './until-aborted.ts';

type IsWanted = (line: LogLine) => boolean;

/** @throws {TuttiError} `INVALID_INPUT` */
export function logFilter(query: URLSearchParams): IsWanted {
  const services = query.getAll('service');
  const level = query.get('level');
  if (level !== null && !logLevels.includes(level as LogLevel))
    throw new TuttiError('INVALID_INPUT', { message: `level must be one of ${logLevels.join(', ')}` });
  const since = queryNumber(query, 'since');
  const after = queryNumber(query, 'after');
  return (line) =>
    line.seq > after &&
    line.time >= since &&
    (level === null || levelAtLeast(line.level, level as LogLevel)) &&
    (services.length === 0 ||
      services.some(
        (name) => line.service === name || line.instance.startsWith(`${name}@`) || line.instance === name,
      ));
}

interface LogStream {
  readonly isWanted: IsWanted;
  readonly follows: boolean;
  /** Aborted when the reader has gone. */
  readonly signal: AbortSignal;
}

/** What is remembered is sent as fast as it is read: only a reader who does not keep up with what is new is cut off. */
async function streamLogs(hub: LogHub, stream: LogStream, sink: LineSink): Promise<void> {
  const { isWanted, signal } = stream;
  const remembered = hub.recent();
  let waiting: LogLine[] | undefined = [];
  const cut = new AbortController();
  const end = hub.follow((line) => {
    if (!stream.follows || !isWanted(line)) return;
    if (waiting === undefined ? !sink.send(line) : waiting.push(line) > bounds.logLines) cut.abort();
  });
  const gone = AbortSignal.any([signal, cut.signal]);
  try {
    for (let lines = remembered; lines.length > 0; lines = waiting.splice(0))
      for (const line of lines) {
        if (gone.aborted) return;
        if (!isWanted(line)) continue;
        sink.send(line);
        await sink.drained();
      }
    waiting = undefined;
    if (stream.follows) await untilAborted(gone);
  } finally {
    end();
  }
}

export const logRoute = (hub: LogHub): AdminRoute => ({
  kind: 'stream',
  run: ({ query, signal }: AdminRequest) => {
    const stream = { isWanted: logFilter(query), follows: query.get('follow') === '1', signal };
    return (sink) => streamLogs(hub, stream, sink);
  },
});
