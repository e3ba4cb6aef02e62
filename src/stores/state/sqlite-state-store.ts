/** The port of state on the area of a store, wherever that store runs. */
import type { MutateRequest, QueryRequest } from '../sqlite/area.ts';
import type { PutInput, PutOutput, StateRow } from './state-area.ts';
import type { PutResult, StateEntry, StatePage, StateStore } from './state-store.ts';
import { checkPut, checkedKey, checkedPage, checkedValue } from './state-store.ts';

/** A store, or the way to one. */
export interface StoreAccess {
  mutate(request: MutateRequest): Promise<unknown>;
  query(request: QueryRequest): unknown;
}

const area = 'state';

export function sqliteStateStore(store: StoreAccess): StateStore {
  return {
    get: async (key) => {
      const row = await store.query({ area, name: 'get', input: { key: checkedKey(key) } });
      return entryOf(row as StateRow | undefined);
    },
    put: async (key, value, options = {}): Promise<PutResult> => {
      checkPut(options);
      const input: PutInput = { ...options, key: checkedKey(key), value: checkedValue(value) };
      const { stored, row } = (await store.mutate({ area, name: 'put', input })) as PutOutput;
      return { stored, entry: entryOf(row) };
    },
    delete: async (key, options = {}) => {
      checkPut(options);
      const input = { ...options, key: checkedKey(key) };
      return (await store.mutate({ area, name: 'delete', input })) as boolean;
    },
    list: async (prefix, options = {}): Promise<StatePage> => {
      const page = checkedPage(prefix, options);
      const rows = (await store.query({ area, name: 'list', input: { prefix, ...page } })) as StateRow[];
      const entries = rows.slice(0, page.limit).flatMap((row) => entryOf(row) ?? []);
      return { entries, next: rows.length > page.limit ? entries.at(-1)?.key : undefined };
    },
  };
}

const entryOf = (row: StateRow | null | undefined): StateEntry | undefined =>
  row === undefined || row === null
    ? undefined
    : {
        key: row.key,
        value: JSON.parse(row.value) as unknown,
        version: row.version,
        expiresAt: row.expires_at ?? undefined,
      };
