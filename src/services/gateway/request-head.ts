/**
 * Refuses heads that Node lets through and that two readers could understand differently. Pure.
 * Host is checked on loopback binds: a page in the developer's browser may have any name resolve to this machine.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { TuttiError } from '../../core/errors.ts';

export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

const refuse = (reason: string): TuttiError => new TuttiError('BAD_REQUEST', { reason });

/** Node keeps the first of these and drops the others in silence. */
const once: ReadonlySet<string> = new Set([
  'host',
  'content-type',
  'authorization',
  'content-encoding',
  'idempotency-key',
  'request-timeout',
]);
/** Lengths of the names above, so that most headers cost one look. */
const onceLengths: ReadonlySet<number> = new Set([...once].map((name) => name.length));

const localNames = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** @throws {TuttiError} `BAD_REQUEST`, `UNSUPPORTED_MEDIA_TYPE`, `EXPECTATION_FAILED`, `MISDIRECTED` */
export function checkHead(head: RequestHead, localOnly: boolean): void {
  checkRepeats(head.rawHeaders);
  const { host, expect } = head.headers;
  const isOld = head.httpVersion !== '1.1';
  if (isOld && head.headers['transfer-encoding'] !== undefined)
    throw refuse('HTTP/1.0 has no Transfer-Encoding');
  if (!isOld && host === undefined) throw refuse('the Host header is missing');
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    throw new TuttiError('EXPECTATION_FAILED');
  const authority = authorityOf(head.url ?? '/');
  if (authority !== undefined && authority.toLowerCase() !== host?.toLowerCase())
    throw refuse('the Host header and the URL name different hosts');
  if (localOnly && host !== undefined && !localNames.test(host)) throw new TuttiError('MISDIRECTED');
}

function checkRepeats(rawHeaders: readonly string[]): void {
  let seen: string[] | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] ?? '';
    if (!onceLengths.has(raw.length)) continue;
    const name = raw.toLowerCase();
    if (!once.has(name)) continue;
    if (seen?.includes(name))
      throw name === 'content-type'
        ? new TuttiError('UNSUPPORTED_MEDIA_TYPE', { mediaType: 'given twice' })
        : refuse(`the header ${name} is given twice`);
    (seen ??= []).push(name);
  }
}

/** Of an absolute URI; undefined for a plain path. */
function authorityOf(url: string): string | undefined {
  if (url.startsWith('/')) return undefined;
  return /^https?:\/\/([^/?#@]*)/i.exec(url)?.[1] ?? '';
}

/** Without the host of an absolute URI. Path and query are still encoded. */
export function splitUrl(url: string): { readonly path: string; readonly query: string } {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '');
  const at = target.indexOf('?');
  if (at < 0) return { path: target === '' ? '/' : target, query: '' };
  return { path: at === 0 ? '/' : target.slice(0, at), query: target.slice(at + 1) };
}

export const announcesBody = (headers: IncomingHttpHeaders): boolean =>
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] !== undefined && headers['content-length'] !== '0');
