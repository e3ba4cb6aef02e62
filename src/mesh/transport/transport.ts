/**
 * The port through which the mesh moves bytes. `checkTransport` in `testing/` says what every driver must do.
 * A transport knows nothing of frames, names or certificates.
 */

export interface Connection {
  /**
   * Takes the bytes; never blocks, never throws. What is written after the end is dropped. They are the writer's again
   * when nothing is pending. False when it is better to wait until `onDrain` is called, which then happens in a later tick.
   */
  write(bytes: Uint8Array): boolean;
  /** Written and not yet with the operating system. */
  readonly pendingBytes: number;
  /** Set once. Called when all that was written is with the operating system: after each write that said to wait, and after others too. */
  onDrain(drained: () => void): void;
  /** Set once, before the first turn ends. The chunk is the receiver's only until `receive` returns. */
  onData(receive: (chunk: Buffer) => void): void;
  /** Called once, never from inside `end` or `destroy`; whatever the cause. */
  onClose(closed: () => void): void;
  /** Lets what was written leave, then closes. */
  end(): void;
  /** Closes now; what was not sent is lost. */
  destroy(): void;
}

export interface Listener {
  /** Stops accepting; open connections go on. Closing twice is harmless. */
  close(): Promise<void>;
}

export interface Transport {
  /** Takes the address over from whoever had it. */
  listen(address: string, accept: (connection: Connection) => void): Promise<Listener>;
  /** @throws {TuttiError} `CONNECTION_REFUSED` when nobody listens or nobody accepts within `timeoutMs`. */
  connect(address: string, timeoutMs: number): Promise<Connection>;
}
