/**
 * Notices that something may have changed in the folders of a project. Folders and not files, since editors write a new file and rename it
 * over the old one; not recursive, since nobody wants to watch node_modules. Says only that it is time to look.
 * Where the system has no more watches it looks by the clock instead, and says so once.
 */
import { existsSync, statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock, Timer } from '../../../core/ports.ts';

export interface FolderWatchNeeds {
  readonly clock: Clock;
  /** `path` is undefined when it is not known what has changed. */
  readonly onEvent: (path: string | undefined) => void;
  readonly say: (sentence: string) => void;
  /** For tests: a system that has no watches left. */
  readonly watch?: typeof watch;
}

interface Watched {
  readonly watcher: FSWatcher;
  /** A folder that was deleted and made again is another one, of which the old watch hears nothing. */
  readonly inode: number;
}

const pollMs = 500;

/** The folder itself or, while it is not there, the nearest one above it: where its coming will be seen. */
function nearest(folder: string): string {
  let here = folder;
  while (!existsSync(here) && dirname(here) !== here) here = dirname(here);
  return here;
}

const inodeOf = (folder: string): number => statSync(folder, { throwIfNoEntry: false })?.ino ?? 0;

export class FolderWatch {
  readonly #needs: FolderWatchNeeds;
  readonly #watched = new Map<string, Watched>();
  #poll: Timer | undefined;
  #isClosed = false;

  constructor(needs: FolderWatchNeeds) {
    this.#needs = needs;
  }

  /** From now on the folders of these files, and no others. To be called again after each event: folders come and go. */
  follow(files: Iterable<string>): void {
    if (this.#isClosed || this.#isPolling) return;
    const wanted = new Set([...new Set([...files].map((file) => dirname(file)))].map(nearest));
    for (const [folder, { watcher, inode }] of this.#watched) {
      if (wanted.has(folder) && inodeOf(folder) === inode) continue;
      watcher.close();
      this.#watched.delete(folder);
    }
    for (const folder of wanted) this.#add(folder);
  }

  close(): void {
    this.#isClosed = true;
    this.#poll?.cancel();
    this.#closeAll();
  }

  get #isPolling(): boolean {
    return this.#poll !== undefined;
  }

  #add(folder: string): void {
    if (this.#isPolling || this.#watched.has(folder)) return;
    try {
      const inode = inodeOf(folder);
      const watcher = (this.#needs.watch ?? watch)(folder, { persistent: false }, (_event, name) => {
        this.#needs.onEvent(name === null ? undefined : join(folder, name));
      });
      watcher.on('error', (error) => {
        this.#fail(folder, error);
      });
      this.#watched.set(folder, { watcher, inode });
    } catch (error) {
      this.#fail(folder, error);
    }
  }

  #fail(folder: string, error: unknown): void {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    // It was deleted meanwhile; the next `follow` goes to the one above.
    if (code === 'ENOENT' || code === 'ENOTDIR' || this.#isClosed || this.#isPolling) return;
    this.#closeAll();
    const mend = code === 'ENOSPC' || code === 'EMFILE' ? '; more: sysctl fs.inotify' : '';
    this.#needs.say(
      `Changes of files cannot be watched (${code} at ${folder}): they are looked for every ${String(pollMs)} ms${mend}`,
    );
    this.#later();
  }

  #later(): void {
    this.#poll = this.#needs.clock.after(pollMs, () => {
      this.#needs.onEvent(undefined);
      this.#later();
    });
  }

  #closeAll(): void {
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }
}
