/**
 * How the items of a stream are written for a client: as Server-Sent Events, or as one JSON text per line. Pure.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import { TuttiError } from '../../core/errors.ts';
import type { ArrivedItem } from '../../mesh/item-inbox.ts';
import type { Problem } from './problem.ts';

export interface StreamFormat {
  readonly contentType: string;
  item(item: ArrivedItem): string;
  /** All is well and there is no more; `output` is JSON text. */
  end(output: string): string;
  /** Why there is no more. Undefined: the format has no word for it, the answer is cut off. */
  problem(problem: Problem): string | undefined;
  /** Means nothing to who reads it. */
  readonly heartbeat: string;
}

/** A JSON text has no line ends of its own, whoever wrote it: inside of texts they are escaped. What else calls itself one is refused. */
function textOf({ body }: ArrivedItem): string {
  if (typeof body !== 'string') return JSON.stringify(body.toString('base64'));
  return body.includes('\n') || body.includes('\r') ? JSON.stringify(JSON.parse(body)) : body;
}

/** An id with a line end would write lines of its own. */
function idOf(envelope: string): string {
  if (envelope === '') return '';
  const { id } = JSON.parse(envelope) as { id?: unknown };
  if (typeof id !== 'string' || /[\0\r\n]/.test(id))
    throw new TuttiError('INVALID_OUTPUT', { message: 'The id of an item is not a line of text' });
  return `id: ${id}\n`;
}

export const eventStream: StreamFormat = {
  contentType: 'text/event-stream; charset=utf-8',
  item: (item) => `${idOf(item.envelope)}data: ${textOf(item)}\n\n`,
  end: (output) => `event: end\ndata: ${output}\n\n`,
  problem: (problem) => `event: problem\ndata: ${JSON.stringify(problem)}\n\n`,
  heartbeat: ':\n\n',
};

export const jsonLines: StreamFormat = {
  contentType: 'application/x-ndjson; charset=utf-8',
  item: (item) => `${textOf(item)}\n`,
  end: () => '',
  problem: () => undefined,
  heartbeat: '\n',
};

export const formatFor = (accept: string | undefined): StreamFormat =>
  accept !== undefined && /application\/(x-ndjson|jsonl|ndjson)/i.test(accept) ? jsonLines : eventStream;
