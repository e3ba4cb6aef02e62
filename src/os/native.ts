/**
 * The C library through koffi, loaded on first use: a process that needs none of it pays nothing.
 * Used by listening-socket, spool and shared-counters, each of which says what it does where koffi cannot load.
 */
import { createRequire } from 'node:module';
import type * as koffiModule from 'koffi';

type Koffi = typeof koffiModule;

export interface Native {
  readonly koffi: Koffi;
  readonly libc: ReturnType<Koffi['load']>;
}

/** A C function that gives an int. */
export type IntFunction<Args extends unknown[]> = (...args: Args) => number;

let loaded: Native | null | undefined;

/** Undefined where there is no koffi for this platform, or it was not installed. */
export function loadNative(): Native | undefined {
  loaded ??= tryToLoad();
  return loaded ?? undefined;
}

function tryToLoad(): Native | null {
  try {
    // By require, since callers cannot wait; the CommonJS build is the one that koffi documents.
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return { koffi, libc: koffi.load(null) };
  } catch {
    return null;
  }
}
