/**
 * What `store.url` of an app file names. Pure; which file that is, is for those who know the app's folders.
 */

export interface StoreUrl {
  readonly engine: 'sqlite';
  /** As it was written, from the app file; empty: `store.db` in the state directory. */
  readonly path: string;
}

/** A text says what is wrong. */
export function readStoreUrl(url: string): StoreUrl | string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/s.exec(url) ?? [];
  if (scheme !== 'sqlite') return 'expected "sqlite:" or "sqlite:" and the path of a file';
  if (rest.startsWith('//'))
    return 'a path stands behind "sqlite:" without slashes of its own: "sqlite:data/app.db"';
  const isFile = !/[\u0000-\u001f\u007f?#]/.test(rest) && !/(^|\/)\.{0,2}$/.test(rest);
  if (rest !== '' && !isFile) return 'expected the path of a file behind "sqlite:"';
  return { engine: 'sqlite', path: rest };
}
