/** A stream for `tutti call`: what goes to it are lines of stdin, what comes from it are lines of stdout, each as it comes. */
import { text } from 'node:stream/consumers';
import { fromWire, TuttiError } from '../core/errors.ts';
import type { StreamLine } from '../core/stream-line.ts';
import type { StreamManifest } from '../define/manifest.ts';
import type { AppConnection } from './app-connection.ts';
import type { Io } from './io.ts';
import { jsonText } from './io.ts';
import { usage } from './parse-option.ts';
import { untilSignal } from './until-signal.ts';

export interface StreamAsk {
  readonly stream: StreamManifest;
  /** Of the request, items apart. */
  readonly body: object;
  readonly io: Io;
}

/** Its output; undefined when Ctrl-C ended it. @throws {TuttiError} what the stream fails with */
export async function callStream(app: AppConnection, { stream, body, io }: StreamAsk): Promise<unknown> {
  using enough = untilSignal();
  const items = stream.items === undefined ? undefined : readItems(await text(process.stdin));
  const lines = app.follow('/stream', enough.signal, { ...body, items }) as AsyncGenerator<StreamLine>;
  for await (const line of lines) {
    if ('output' in line) return line.output;
    if ('error' in line) throw fromWire(line.error);
    io.out(jsonText(line.item));
  }
  if (enough.signal.aborted) return undefined;
  throw new TuttiError('INSTANCE_LOST', { instance: 'The supervisor' });
}

function readItems(lines: string): unknown[] {
  return lines.split('\n').flatMap((line, at) => {
    if (line.trim() === '') return [];
    try {
      return [JSON.parse(line) as unknown];
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw usage(`Line ${String(at + 1)} of stdin is not JSON: ${why}`, 'Give one item a line');
    }
  });
}
