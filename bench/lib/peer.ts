/**
 * What a peer must offer to stand in the tables. A module in peers/ exports `peer`; lib/process.ts runs one role of it
 * in a process of its own. Tutti starts its own processes and offers the `Running…` forms directly.
 */

/** Where the processes of one peer meet; each uses what it needs. */
export interface Meeting {
  readonly socket: string;
  readonly servicePort: number;
  readonly callerPort: number;
  readonly httpPort: number;
}

export type Call = (input: unknown) => Promise<unknown>;

export interface CallsPeer {
  /** Serves `echo`; resolves once it can be called. */
  serve(at: Meeting): Promise<void>;
  connect(at: Meeting): Promise<Call>;
}

export interface GatewayPeer {
  /** Serves users; absent where the gateway answers by itself. */
  serve?(at: Meeting): Promise<void>;
  /** Answers `GET /users/1` on `httpPort`. */
  gateway(at: Meeting): Promise<void>;
}

export interface Load {
  readonly size: '100 B' | '10 KB';
  readonly inFlight: number;
  readonly ms: number;
}

export interface LoadResult {
  readonly calls: number;
  readonly ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** `pids`: the processes whose CPU time the work costs. */
export interface Running extends AsyncDisposable {
  readonly pids: readonly number[];
}

export interface RunningCalls extends Running {
  drive(load: Load): Promise<LoadResult>;
  /** For a peer that counts its calls. @throws {Error} when it counted something else than `drive` sent. */
  checkCounters?(): Promise<void>;
}

/** What the load generator knows: answers that came, and requests it has written, the last of which it may have cut off. */
export interface Requests {
  readonly answered: number;
  readonly sent: number;
}

export interface RunningGateway extends Running {
  readonly url: string;
  /** As for calls. */
  checkCounters?(requests: Requests): Promise<void>;
}

export const user = { id: 1, username: 'ada', email: 'ada@example.com' };
