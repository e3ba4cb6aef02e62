/**
 * Which trace something is part of, and its form between systems. Pure. https://www.w3.org/TR/trace-context/
 */

export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the span that called. `noSpan` where nobody traces; then whoever does begins a trace of his own. */
  readonly spanId: string;
  /** Whether spans of this trace are kept, as its first system decided. */
  readonly sampled: boolean;
  /** What the systems of this trace tell each other beside it: their `tracestate`, handed on as it came. */
  readonly state?: string | undefined;
}

export const noSpan = '0'.repeat(16);

const idForm = /^[0-9a-f]{32}$/;
export const isTraceId = (text: string): boolean => idForm.test(text);

/** Nobody makes spans of it. */
export const untraced = (traceId: string): Trace => ({ traceId, spanId: noSpan, sampled: false });

const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for what is not in its form: it is never repaired. A version above 00 may have more fields. */
export function readTraceparent(header: string): Trace | undefined {
  const [, version, traceId, spanId, flags = '', rest] = form.exec(header) ?? [];
  if (traceId === undefined || spanId === undefined || (version === '00' && rest !== undefined))
    return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

const stateKey = /^[a-z][a-z0-9_*/-]{0,255}$|^[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}$/;
const stateValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
export const mostMembers = 32;
export const longestTracestate = 512;

/** Undefined for what is not in its form, as a whole: its members depend on their order. */
export function readTracestate(header: string): string | undefined {
  if (header.length > longestTracestate) return undefined;
  const members = header.split(',').map((member) => member.trim());
  const isMember = (member: string): boolean => {
    const [key = '', value = '', ...rest] = member.split('=');
    return rest.length === 0 && stateKey.test(key) && stateValue.test(value);
  };
  const filled = members.filter((member) => member !== '');
  if (filled.length === 0 || filled.length > mostMembers || !filled.every(isMember)) return undefined;
  return filled.join(',');
}

/** For a log line, beside the request id: nothing where nobody traces. */
export const traceField = ({ traceId, spanId }: Trace): { readonly traceId?: string } =>
  spanId === noSpan ? {} : { traceId };

/** Goes with `traceparentOf`. */
export const tracestateOf = ({ spanId, state }: Trace): string | undefined =>
  spanId === noSpan ? undefined : state;

/** Undefined where nobody traces: `00` for its flags would have the next system keep nothing. */
export const traceparentOf = ({ traceId, spanId, sampled }: Trace): string | undefined =>
  spanId === noSpan ? undefined : `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
