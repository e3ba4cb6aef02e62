/** What was sent to whom, as NotificationService keeps it, each with the event that it tells of: one row, so an event that comes twice is told once. */
import type { Generated, Kysely } from 'kysely';
import type { Migrations } from './migrate.ts';
import { openDatabase, ping } from './open-database.ts';
import type { Log } from './open-database.ts';

export interface Notification {
  readonly user_id: number;
  readonly message: string;
  readonly type: 'email' | 'sms' | 'push';
}

interface Tables {
  notifications: Notification & { id: Generated<number>; event_id: string | null };
}

const migrations: Migrations = {
  '001 notifications': (schema, id) =>
    schema
      .createTable('notifications')
      .addColumn('id', id.type, id.build)
      .addColumn('user_id', 'bigint', (column) => column.notNull())
      .addColumn('message', 'text', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .execute(),
  '002 the event of each': async (schema) => {
    await schema.alterTable('notifications').addColumn('event_id', 'text').execute();
    await schema
      .createIndex('notifications_event_id')
      .on('notifications')
      .column('event_id')
      .unique()
      .execute();
  },
};

export class NotificationStore {
  readonly #database: Kysely<Tables>;

  private constructor(database: Kysely<Tables>) {
    this.#database = database;
  }

  static async open(url: string, log: Log): Promise<NotificationStore> {
    const schema = 'notification_service';
    return new NotificationStore(await openDatabase<Tables>({ url, schema, migrations, log }));
  }

  /** False: this event was told before. */
  async insert(notification: Notification, eventId?: string): Promise<boolean> {
    const row = await this.#database
      .insertInto('notifications')
      .values({ ...notification, event_id: eventId ?? null })
      .onConflict((conflict) => conflict.column('event_id').doNothing())
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  }

  ping(): Promise<boolean> {
    return ping(this.#database);
  }

  close(): Promise<void> {
    return this.#database.destroy();
  }
}
