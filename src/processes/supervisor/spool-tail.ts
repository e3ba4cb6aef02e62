/**
 * Reads behind one of the two files of a slot, and makes whole lines of its bytes. Knows how far the lines it gave reach: a successor
 * begins there, so that half a line, or half a trace, that a dead supervisor had read is not lost. Used by `SpoolTails`.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { bounds } from '../../core/bounds.ts';
import type { SpoolPlace } from '../../core/log-line.ts';
import { SpoolReader } from '../../os/spool.ts';
import type { JoinedLine } from '../../telemetry/line-joiner.ts';
import { LineJoiner } from '../../telemetry/line-joiner.ts';
import type { SplitLine } from '../../telemetry/line-splitter.ts';
import { LineSplitter } from '../../telemetry/line-splitter.ts';

export interface TailNeeds {
  readonly id: string;
  readonly service: string;
  readonly stream: 'stdout' | 'stderr';
  readonly path: string;
  readonly offset: number;
}

export interface TailRead {
  readonly lines: readonly JoinedLine[];
  /** Bytes that were written and cannot be read any more. */
  readonly lost: number;
  /** There was something, and there may be more. */
  readonly didRead: boolean;
}

const nothing: TailRead = { lines: [], lost: 0, didRead: false };

export class SpoolTail {
  readonly id: string;
  readonly service: string;
  readonly stream: 'stdout' | 'stderr';
  readonly path: string;
  readonly #splitter = new LineSplitter(bounds.logLineBytes);
  readonly #joiner: LineJoiner | undefined;
  /** Undefined while the file cannot be opened: a full disk or one that can only be read. */
  #reader: SpoolReader | undefined;
  #given: number;
  #wasQuiet = false;

  constructor({ id, service, stream, path, offset }: TailNeeds) {
    this.id = id;
    this.service = service;
    this.stream = stream;
    this.path = path;
    this.#given = offset;
    if (stream === 'stderr')
      this.#joiner = new LineJoiner({ lines: bounds.logJoinedLines, chars: bounds.logLineBytes });
  }

  get isOpen(): boolean {
    return this.#reader !== undefined;
  }

  /** Behind the last line that was given. */
  get given(): number {
    return this.#given;
  }

  /** @throws what the system says when the file cannot be opened or made. */
  open(): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    this.#reader = new SpoolReader(this.path, this.#given);
    this.#given = this.#reader.offset;
  }

  /** One piece. A trace that is not whole is given when two reads in a row find nothing more. */
  read(): TailRead {
    const { bytes, offset, lost } = this.#reader?.read() ?? { bytes: none, offset: 0, lost: 0 };
    // What was cut away lies between what is held and what comes: they make no line together.
    const before = lost > 0 ? this.end() : [];
    if (bytes.length === 0) {
      const lines = this.#wasQuiet ? this.#give(this.#joiner?.flush() ?? []) : [];
      this.#wasQuiet = true;
      return lost === 0 && lines.length === 0
        ? nothing
        : { lines: [...before, ...lines], lost, didRead: false };
    }
    this.#wasQuiet = false;
    const lines = this.#join(this.#splitter.push(bytes, offset - bytes.length));
    return { lines: before.length === 0 ? lines : [...before, ...lines], lost, didRead: true };
  }

  /** What did not end as a line, too: for when nothing more comes. */
  end(): readonly JoinedLine[] {
    const lines = this.#join(this.#splitter.end());
    return [...lines, ...this.#give(this.#joiner?.flush() ?? [])];
  }

  placeOf(end: number): SpoolPlace | undefined {
    if (this.#reader?.keepsPlaces !== true) return undefined;
    return `${this.stream === 'stdout' ? 'out' : 'err'}:${String(end)}` as SpoolPlace;
  }

  /** What lies before `offset` will not be asked for again. Gives how many bytes were lost by that. */
  release(offset: number): number {
    const reader = this.#reader;
    if (reader === undefined) return 0;
    const before = reader.offset;
    const lost = reader.release(offset);
    if (reader.offset < before) this.#given = reader.offset;
    return lost;
  }

  close(): void {
    this.#reader?.close();
    this.#reader = undefined;
  }

  #join(lines: readonly SplitLine[]): readonly JoinedLine[] {
    const joiner = this.#joiner;
    return this.#give(joiner === undefined ? lines : lines.flatMap((line) => joiner.push(line)));
  }

  #give(lines: readonly JoinedLine[]): readonly JoinedLine[] {
    this.#given = lines.at(-1)?.end ?? this.#given;
    return lines;
  }
}

const none = Buffer.alloc(0);
