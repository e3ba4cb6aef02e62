/**
 * What goes back to a client when all is well.
 */
import { dispositionOf } from '../../core/content-type.ts';
import { dataHeaders } from './security-headers.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: Buffer | string;
}

export const jsonType = 'application/json; charset=utf-8';

/** Node sends a text in one write with its head, and bytes in a second: that costs more than reading them as text, up to here. */
const smallBytes = 16_384;

/** Text or bytes of a type of their own. */
export function typedAnswer(status: number, contentType: string): (body: Buffer) => Answer {
  const headers = { ...dataHeaders, 'content-disposition': dispositionOf(contentType) };
  return (body) => ({ status, headers, contentType, body });
}

export const jsonAnswer = (status: number, body: Buffer): Answer => ({
  status,
  headers: dataHeaders,
  contentType: jsonType,
  body: body.length > smallBytes ? body : body.toString('utf8'),
});
