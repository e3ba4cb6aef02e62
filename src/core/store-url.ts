/**
 * What `store.url` of an app file names. Pure; which file that is, is for those who know the app's folders.
 */

import type { AckClass } from './ack-class.ts';

const engines = {
  sqlite: 'sqlite',
  redis: 'redis',
  rediss: 'redis',
  postgres: 'postgres',
  postgresql: 'postgres',
} as const;

export type StoreEngine = (typeof engines)[keyof typeof engines];

export type StoreUrl =
  | {
      readonly engine: 'sqlite';
      /** As it was written, from the app file; empty: `store.db` in the state directory. */
      readonly path: string;
    }
  | {
      readonly engine: Exclude<StoreEngine, 'sqlite'>;
      /** May hold a password. */
      readonly url: string;
    };

/** The same for the process that owns it. */
export type StorePlace =
  | {
      readonly engine: 'sqlite';
      /** Absolute path. Its folder is made when it is missing. */
      readonly file: string;
    }
  | {
      readonly engine: Exclude<StoreEngine, 'sqlite'>;
      readonly url: string;
      /** Of the store, there. */
      readonly name: string;
      /** For the file it works on. */
      readonly folder: string;
      readonly app: string;
      readonly requireAck: AckClass | undefined;
    };

const expected =
  'expected "sqlite:" and perhaps the path of a file, or a URL of "redis:", "rediss:" or "postgres:"';

/** A text says what is wrong, without showing it: a URL may hold a password. */
export function readStoreUrl(url: string): StoreUrl | string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/s.exec(url) ?? [];
  if (!Object.hasOwn(engines, scheme)) return expected;
  const engine = engines[scheme as keyof typeof engines];
  return engine === 'sqlite' ? readPath(rest) : readServer(engine, url);
}

function readPath(rest: string): StoreUrl | string {
  if (rest.startsWith('//'))
    return 'a path stands behind "sqlite:" without slashes of its own: "sqlite:data/app.db"';
  const isFile = !/[\u0000-\u001f\u007f?#]/.test(rest) && !/(^|\/)\.{0,2}$/.test(rest);
  if (rest !== '' && !isFile) return 'expected the path of a file behind "sqlite:"';
  return { engine: 'sqlite', path: rest };
}

function readServer(engine: 'redis' | 'postgres', url: string): StoreUrl | string {
  const isWhole = /^[a-z]+:\/\/[^/?#\s]+([/?][^\s]*)?$/.test(url) && URL.canParse(url);
  if (!isWhole)
    return `expected "${engine}://", a host, and perhaps a user, a password, a port and a database`;
  return { engine, url };
}
