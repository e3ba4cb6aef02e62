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

export type Outcome = { readonly exitCode: number; readonly keeper?: undefined } | { readonly keeper: KeeperWish };
