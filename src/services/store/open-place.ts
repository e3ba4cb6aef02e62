/** Opens the store where the app file says it is: in a file, or in an engine that other machines reach. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { StorePlace } from '../../core/store-url.ts';
import type { EngineReport } from '../../stores/change-log/change-log.ts';
import type { OpenStoreNeeds } from '../../stores/sqlite/open-store.ts';
import { openStore } from '../../stores/sqlite/open-store.ts';
import type { Store } from '../../stores/sqlite/store.ts';

export interface OpenedStore {
  readonly store: Store;
  /** That it works on. */
  readonly file: string;
  /** Where it is kept, and what an acknowledgement survives. */
  report(): EngineReport;
  close(): Promise<void>;
}

type Around = Required<Pick<OpenStoreNeeds, 'areas' | 'clock' | 'log' | 'onFailure'>>;

export function openPlace(place: StorePlace, around: Around): Promise<OpenedStore> | OpenedStore {
  return place.engine === 'sqlite' ? openFile(place.file, around) : openElsewhere(place, around);
}

function openFile(file: string, around: Around): OpenedStore {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const store = openStore({ file, ...around });
  const report: EngineReport = { engine: 'SQLite', ack: 'disk', because: 'synchronous=FULL, read back' };
  return { store, file, report: () => report, close: () => store.close() };
}

async function openElsewhere(
  { engine, url, name, folder, app, requireAck }: Exclude<StorePlace, { readonly engine: 'sqlite' }>,
  around: Around,
): Promise<OpenedStore> {
  // Loaded here: most apps have their store in a file.
  const { makeChangeLog } = await import('../../stores/change-log/open-change-log.ts');
  const { openKeptStore } = await import('../../stores/change-log/open-kept-store.ts');
  const host = hostname();
  const owner = { claim: randomUUID(), seat: `${host}:${folder}`, label: `the app "${app}" on ${host}` };
  const changeLog = await makeChangeLog({ engine, url, name });
  return openKeptStore({ ...around, changeLog, owner, folder, requireAck });
}
