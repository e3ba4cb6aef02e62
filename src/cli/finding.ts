/** One line of `tutti doctor`. */
export interface Finding {
  /** warn: it works, but less well. */
  readonly level: 'ok' | 'warn' | 'fail';
  readonly what: string;
  /** The command, or the words, that mend it. */
  readonly mend?: string;
}

export const ok = (what: string): Finding => ({ level: 'ok', what });
export const warn = (what: string, mend: string): Finding => ({ level: 'warn', what, mend });
export const fail = (what: string, mend: string): Finding => ({ level: 'fail', what, mend });
