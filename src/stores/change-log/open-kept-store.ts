/**
 * Opens a store that is kept elsewhere: takes it, makes a file of what is kept, and has every commit kept before it counts. The first commit is one of its own:
 * from then on no earlier owner can add anything.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AckClass } from '../../core/ack-class.ts';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { OpenStoreNeeds } from '../sqlite/open-store.ts';
import { openStore } from '../sqlite/open-store.ts';
import type { Store } from '../sqlite/store.ts';
import type { ChangeLog, EngineReport, Owner } from './change-log.ts';
import { AckReport } from './ack-report.ts';
import { CommitShipper } from './commit-shipper.ts';
import { KeptCopies } from './kept-copies.ts';
import { Lease } from './lease.ts';
import { restoreFile, schemaOf } from './restore-file.ts';

interface OpenKeptStoreNeeds extends Omit<OpenStoreNeeds, 'file' | 'keptBy' | 'durability'> {
  /** Not open yet; whoever opens the store has it closed with it. */
  readonly changeLog: ChangeLog;
  readonly owner: Owner;
  /** For files that are of use to this process only; emptied. */
  readonly folder: string;
  /** What an acknowledgement has to survive, at least. */
  readonly requireAck: AckClass | undefined;
  readonly onFailure: (error: Error) => void;
}

const askAgainMs = 250;

export interface KeptStore {
  readonly store: Store;
  readonly file: string;
  /** As it was found when it was looked at last. */
  report(): EngineReport;
  close(): Promise<void>;
}

/**
 * @throws {TuttiError} `CONFIG_INVALID` when its engine keeps less than is required; `ALREADY_RUNNING` naming another owner; `STORE_CORRUPT`;
 * `STORE_UNREACHABLE`.
 */
export async function openKeptStore(needs: OpenKeptStoreNeeds): Promise<KeptStore> {
  try {
    return await open(needs);
  } catch (error) {
    // What the engine says, which may be anything.
    if (error instanceof TuttiError || !(error instanceof Error)) throw error;
    throw new TuttiError(
      'STORE_UNREACHABLE',
      { reason: `${needs.changeLog.place}: ${error.message}` },
      { cause: error },
    );
  }
}

async function open(needs: OpenKeptStoreNeeds): Promise<KeptStore> {
  const { changeLog, owner, clock, log, requireAck, folder } = needs;
  await using parts = new AsyncDisposableStack();
  parts.defer(() => changeLog.close());
  await reach(changeLog, clock);
  const report = new AckReport({ changeLog, requireAck, log });
  await report.look();
  const lease = new Lease({ changeLog, owner, clock, log });
  await lease.take();
  parts.defer(() => lease.end());
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${owner.claim}.db`);
  const restored = await restoreFile(changeLog, file);
  const mend = async (): Promise<boolean> => {
    if (!(await lease.isOurs())) return false;
    log.error('What keeps the store has lost commits that it had acknowledged: they are put back from here');
    await copies.make();
    return true;
  };
  const lose = (error: TuttiError): void => {
    store.fail(error);
    needs.onFailure(error);
  };
  const kept = (bytes: number): void => {
    copies.kept(bytes);
  };
  const shipper = new CommitShipper({ changeLog, clock, log, kept, isFull: () => copies.isFull, mend, lose });
  const copies = new KeptCopies({
    changeLog,
    restored,
    file,
    copyTo: (path) => store.backup(path),
    clock,
    log,
  });
  parts.defer(() => copies.close());
  const store = openStore({ ...needs, file, keptBy: shipper });
  parts.defer(() => closeWithin(store, shipper, clock));
  if (restored.copy === undefined || copies.isHalfFull) await copies.make();
  await store.mutate({ area: 'store', name: 'take' });
  if (restored.schema !== undefined && restored.schema !== schemaOf(file)) await copies.make();
  lease.keep(lose, () => report.look());
  const opened = parts.move();
  return { store, file, report: () => report.last, close: () => opened.disposeAsync() };
}

/** An engine that is being started is waited for. */
async function reach(changeLog: ChangeLog, clock: Clock): Promise<void> {
  const until = clock.now() + bounds.storeOpenMs;
  for (;;)
    try {
      await changeLog.open();
      return;
    } catch (error) {
      if (error instanceof TuttiError || clock.now() > until) throw error;
      await new Promise<void>((done) => {
        clock.after(askAgainMs, done);
      });
    }
}

/** What was accepted is kept first; an engine that is away is not waited for without end. */
async function closeWithin(store: Store, shipper: CommitShipper, clock: Clock): Promise<void> {
  const timer = clock.after(bounds.storeCloseMs, () => {
    shipper.stop();
  });
  await store.close();
  timer.cancel();
}
