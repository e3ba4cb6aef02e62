/**
 * The first words on a connection: who I am, and what I serve. Used by both sides.
 * Refuses whatever has not exactly this shape; whether a certificate is true is for the verifier to say.
 */
import type { Certificate } from '../core/certificate.ts';
import { TuttiError } from '../core/errors.ts';
import { isPlainObject } from '../core/options.ts';
import { readBody } from './body.ts';
import { isPriority } from '../core/waiting-line.ts';
import { protocolVersion } from './frames.ts';
import type { IncomingFrame } from './frames.ts';

/** Where it stands in the list is its number on this connection. */
export interface OfferedAction {
  readonly name: string;
  /** Of its schemas. */
  readonly hash: string;
  readonly idempotent: boolean;
  /** Of calls that name none; absent: of the call they are part of, or the normal one. */
  readonly priority?: number;
  /** It is a stream. */
  readonly stream?: OfferedStream;
}

export interface OfferedStream {
  /** It is a channel: who opens it gives a receipt for each message. */
  readonly isChannel?: true;
  /** How long it may wait for the other side; absent: for ever. */
  readonly silenceMs?: number;
}

export interface Welcome {
  readonly certificate: Certificate;
  readonly actions: readonly OfferedAction[];
  readonly events: readonly string[];
}

export const helloText = (certificate: Certificate): string =>
  JSON.stringify({ protocol: protocolVersion, certificate });
export const welcomeText = (welcome: Welcome): string =>
  JSON.stringify({ protocol: protocolVersion, ...welcome });

/** @throws {TuttiError} `PROTOCOL_ERROR` */
export const readHello = (frame: IncomingFrame): Certificate => readOpening(frame).certificate;

/** @throws {TuttiError} `PROTOCOL_ERROR` */
export function readWelcome(frame: IncomingFrame): Welcome {
  const { certificate, body } = readOpening(frame);
  const { actions, events } = body;
  if (!Array.isArray(actions) || !actions.every(isOfferedAction))
    throw refuse('the welcome has no list of actions');
  if (!Array.isArray(events) || !events.every(isText)) throw refuse('the welcome has no list of events');
  return { certificate, actions, events };
}

function readOpening(frame: IncomingFrame): { certificate: Certificate; body: Record<string, unknown> } {
  const body = readBody(frame);
  if (!isPlainObject(body)) throw refuse('the hello is not an object');
  const { protocol, certificate } = body;
  if (protocol !== protocolVersion)
    throw refuse(`protocol ${shown(protocol)}, spoken here is ${String(protocolVersion)}`);
  if (!isPlainObject(certificate)) throw refuse('the hello has no certificate');
  const { text, signature } = certificate;
  if (!isText(text) || !isText(signature)) throw refuse('the certificate is not one');
  return { certificate: { text, signature }, body };
}

/** Of a stranger: an object may be without end, and have a `toString` of its own. */
const shown = (value: unknown): string => (typeof value === 'number' ? String(value) : `a ${typeof value}`);
const refuse = (reason: string): TuttiError => new TuttiError('PROTOCOL_ERROR', { reason });
const isText = (value: unknown): value is string => typeof value === 'string';
const isOfferedAction = (value: unknown): value is OfferedAction =>
  isPlainObject(value) &&
  isText(value['name']) &&
  isText(value['hash']) &&
  typeof value['idempotent'] === 'boolean' &&
  (value['priority'] === undefined || isPriority(value['priority'])) &&
  (value['stream'] === undefined || isOfferedStream(value['stream']));
const isOfferedStream = (value: unknown): value is OfferedStream =>
  isPlainObject(value) &&
  (value['silenceMs'] === undefined || Number(value['silenceMs']) > 0) &&
  (value['isChannel'] === undefined || value['isChannel'] === true);
