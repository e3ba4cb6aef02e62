/**
 * A core file holds every secret that its process held, and lies where the process ran. The keeper forbids it for itself and for the
 * supervisor, and all else inherits that. Where koffi does not load, or the system has no such call, the limit of the shell stays.
 */
import { loadNative, type IntFunction } from './native.ts';

/** RLIMIT_CORE, the same number on Linux and macOS. */
const coreLimit = 4;
/** `struct rlimit`: the limit now, and how far it may be raised again. */
const nothing = Buffer.alloc(16);

/** False: not done. @param pid another process of ours; Linux only. */
export function forbidCoreDumps(pid?: number): boolean {
  const native = loadNative();
  if (native === undefined) return false;
  try {
    if (pid === undefined) {
      const setrlimit = native.libc.func('int setrlimit(int, void *)') as IntFunction<[number, Buffer]>;
      return setrlimit(coreLimit, nothing) === 0;
    }
    const prlimit = native.libc.func('int prlimit(int, int, void *, void *)') as IntFunction<
      [number, number, Buffer, null]
    >;
    return prlimit(pid, coreLimit, nothing, null) === 0;
  } catch {
    return false;
  }
}
