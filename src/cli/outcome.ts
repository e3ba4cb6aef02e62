/** What a command comes to: an exit code, or the wish to become the keeper (bin/tutti.js does that: the CLI knows no programs). */
export interface KeeperWish {
  readonly appFile: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly supervisorEntry: string;
  readonly supervisorArgs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly detached: boolean;
  readonly graceMs: number;
}

export type Outcome =
  { readonly exitCode: number; readonly keeper?: undefined } | { readonly keeper: KeeperWish };

/** The exit codes of every command; 130 (a second Ctrl-C) is the keeper's alone. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  configInvalid: 3,
  notReady: 4,
  /** A rolling restart was undone: the old ones run on. */
  rolledBack: 5,
  /** Or nothing running. */
  alreadyRunning: 6,
} as const;

export const exit = (code: keyof typeof exitCodes): Outcome => ({ exitCode: exitCodes[code] });
