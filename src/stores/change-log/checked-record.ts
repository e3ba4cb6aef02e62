/** What an engine keeps of a commit: its CRC-32 (4 bytes, little-endian) and what it changed. What comes back otherwise is refused, not applied. */
import { crc32 } from 'node:zlib';
import { TuttiError } from '../../core/errors.ts';
import type { LogRecord } from './change-log.ts';

const checksumBytes = 4;

export function withChecksum(changes: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(checksumBytes + changes.length);
  bytes.writeUInt32LE(crc32(changes));
  bytes.set(changes, checksumBytes);
  return bytes;
}

/** @throws {TuttiError} `STORE_CORRUPT` naming the commit. */
export function changesIn({ number, bytes }: LogRecord): Uint8Array {
  const changes = bytes.subarray(checksumBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length > checksumBytes && view.getUint32(0, true) === crc32(changes)) return changes;
  throw new TuttiError('STORE_CORRUPT', {
    what: `commit ${String(number)} is kept otherwise than it was written`,
  });
}

/** What an engine keeps beside the bytes of a record, roughly. */
const overheadBytes = 256;

export const costOf = (bytes: Uint8Array): number => bytes.length + overheadBytes;
