/**
 * Who listens on a port of this machine, for the sentence that says it is taken. From /proc; processes of other users are not seen.
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export interface PortHolder {
  readonly pid: number;
  /** What it was called with, or calls itself. */
  readonly title: string;
}

const listening = '0A';
const longestTitle = 80;

/** Undefined where it cannot be told. */
export function portHolder(port: number): PortHolder | undefined {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listenersIn(table, port)));
  if (sockets.size === 0) return undefined;
  const pid = orNone(() => readdirSync('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .find((name) => holdsOne(`/proc/${name}/fd`, sockets));
  return pid === undefined ? undefined : { pid: Number(pid), title: titleOf(pid) };
}

/** `socket:[4711]`, as a descriptor of whoever has it points to. */
function listenersIn(table: string, port: number): string[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = orNone(() => readFileSync(table, 'utf8').split('\n')).map((line) => line.trim().split(/\s+/));
  return rows
    .filter(([, local = '', , state]) => state === listening && local.endsWith(ending))
    .map((fields) => `socket:[${fields[9] ?? ''}]`);
}

const holdsOne = (folder: string, sockets: ReadonlySet<string>): boolean =>
  orNone(() => readdirSync(folder)).some((fd) =>
    orNone(() => [readlinkSync(`${folder}/${fd}`)]).some((target) => sockets.has(target)),
  );

const titleOf = (pid: string): string =>
  orNone(() => [readFileSync(`/proc/${pid}/cmdline`, 'utf8')])
    .join('')
    .replaceAll('\0', ' ')
    .trim()
    .slice(0, longestTitle);

/** Gone between two looks, somebody else's, or no /proc: a sentence is not worth an error. */
function orNone(read: () => string[]): string[] {
  try {
    return read();
  } catch {
    return [];
  }
}
