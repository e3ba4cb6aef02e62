/** A mutation while somebody watches the store: what it notes is heard when it is committed, in the order of the commit; of one that was undone nothing is. */
import type { Watcher } from './area.ts';
import type { WaitingMutation } from './commit-line.ts';

export function watched(mutation: WaitingMutation, watcher: Watcher): WaitingMutation {
  const changes: unknown[] = [];
  const notes = {
    wants: (topic: string): boolean => watcher.wants(topic),
    note: (change: unknown): void => void changes.push(change),
  };
  return {
    ...mutation,
    run: (db, input, now) => {
      // It may be run once more, when all of its commit was undone.
      changes.length = 0;
      return mutation.run(db, input, now, notes);
    },
    resolve: (value) => {
      if (changes.length > 0) watcher.hear(changes);
      mutation.resolve(value);
    },
  };
}
