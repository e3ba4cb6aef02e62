/**
 * Makes hostile input of honest input. Knows JSON and length-prefixed frames, so that what it makes gets past the first check.
 * Pure but for the chance it is given: the same seed makes the same bytes.
 */
import type { Chance } from './chance.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const keys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  'then',
  '',
  'a.b',
  'é\u0000',
] as const;
const values: readonly [Json, ...Json[]] = [
  null,
  ...[true, false, '', 0, -1, -0, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e308],
  ...[
    '__proto__',
    'constructor',
    '../../x',
    'a\u0000b',
    '\u202e',
    '\ud800',
    'x'.repeat(5_000),
    '1e309',
    'NaN',
  ],
  ...[
    [],
    [[]],
    {},
    { length: 1e9 },
    { polluted: true },
    [null, null],
    { then: 1 },
    { kind: 'app', services: [] },
  ],
];

/** Text that no `JSON.stringify` writes. */
const fragments = [
  '{"__proto__":{"polluted":true}}',
  '"__proto__":{"polluted":true},',
  '"\\u005f_proto__":{"polluted":true},',
  '"constructor":{"prototype":{"polluted":true}},',
  '1e309',
  '-1e309',
  '"op":"ready","op":"hello",',
  '\u0000',
  '\n',
  '\r\n',
  '[',
  '{"a":',
  '\\u0000',
  '99999999999999999999',
] as const;

const huge = [0, 1, 3, 47, 48, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff] as const;

function deep(chance: Chance): Json {
  let value: Json = 1;
  for (let depth = chance.pick([10, 70, 1_500]); depth > 0; depth -= 1)
    value = chance.below(2) === 0 ? [value] : { a: value };
  return value;
}

const anyValue = (chance: Chance): Json => (chance.below(12) === 0 ? deep(chance) : chance.pick(values));

/** Changes one place; an own key `__proto__` is defined, not set. */
function mutateValue(value: Json, chance: Chance): Json {
  if (typeof value !== 'object' || value === null || chance.below(5) === 0) return anyValue(chance);
  if (Array.isArray(value)) {
    const at = chance.below(value.length + 1);
    const item = value[at];
    return [
      ...value.slice(0, at),
      item === undefined ? anyValue(chance) : mutateValue(item, chance),
      ...value.slice(at + 1),
    ];
  }
  const entries = Object.entries(value);
  const at = chance.below(entries.length + 1);
  const entry = entries[at];
  if (entry === undefined) entries.push([chance.pick(keys), anyValue(chance)]);
  else if (chance.below(6) === 0) entries.splice(at, 1);
  else if (chance.below(8) === 0) entry[0] = chance.pick(keys);
  else entry[1] = mutateValue(entry[1], chance);
  return Object.fromEntries(entries);
}

export function mutateJson(text: string, chance: Chance): string {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return text;
  }
  for (let more = 1 + chance.below(3); more > 0; more -= 1) value = mutateValue(value, chance);
  return JSON.stringify(value);
}

function insert(bytes: Buffer, at: number, piece: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function word(value: number, isBigEndian: boolean): Buffer {
  const bytes = Buffer.alloc(4);
  if (isBigEndian) bytes.writeUInt32BE(value);
  else bytes.writeUInt32LE(value);
  return bytes;
}

/** One change of bytes that knows nothing of what they mean. */
function mutateOnce(bytes: Buffer, other: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  switch (chance.below(8)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << chance.below(8));
      return flipped;
    }
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(chance.below(other.length + 1))]);
    case 3:
      return insert(bytes, at, bytes.subarray(chance.below(at + 1), at));
    case 4:
      return insert(bytes, at, Buffer.from(chance.pick(fragments)));
    case 5:
      return insert(
        bytes,
        at,
        Uint8Array.from([chance.pick([0xc0, 0xff, 0x80, 0xed, 0xf5]), chance.below(256)]),
      );
    case 6: {
      const start = chance.below(3) === 0 ? at : 0;
      return Buffer.concat([
        bytes.subarray(0, start),
        word(chance.pick(huge), chance.below(2) === 0),
        bytes.subarray(start + 4),
      ]);
    }
    default:
      return insert(
        bytes,
        at,
        Buffer.from(chance.pick(['[', '{"a":', '"']).repeat(chance.pick([3, 100, 9_000]))),
      );
  }
}

export function mutateBytes(bytes: Buffer, other: Buffer, chance: Chance): Buffer {
  let mutated = bytes;
  for (let more = 1 + chance.below(3); more > 0; more -= 1) mutated = mutateOnce(mutated, other, chance);
  return mutated;
}

export interface Grammar {
  /** Honest input, without its framing. */
  readonly samples: readonly [string, ...string[]];
  /** Puts a right head before a body, so that the body is looked at. */
  readonly frame?: (body: Buffer) => Buffer;
}

/** What no chance should have to find. */
export const always: readonly string[] = [
  '',
  'null',
  'true',
  '5',
  '""',
  '[]',
  '{}',
  '[null]',
  '{"__proto__":null}',
  '\n',
  '\u0000',
  '"',
];

/** One hostile input: changed in its meaning, in its bytes, or in both, framed rightly or changed with its frame. */
export function hostile({ samples, frame = (body) => body }: Grammar, chance: Chance): Buffer {
  const sample = chance.pick(samples);
  const other = Buffer.from(chance.pick(samples));
  const body = Buffer.from(chance.below(10) < 6 ? mutateJson(sample, chance) : sample);
  const changed = chance.below(10) < 4 ? mutateBytes(body, other, chance) : body;
  const framed = frame(changed);
  return chance.below(10) < 2 ? mutateBytes(framed, frame(other), chance) : framed;
}
