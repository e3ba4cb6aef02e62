/** What was sent to whom, as NotificationService keeps it. */
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
  notifications: Notification & { id: Generated<number> };
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

  async insert(notification: Notification): Promise<void> {
    await this.#database.insertInto('notifications').values(notification).execute();
  }

  ping(): Promise<boolean> {
    return ping(this.#database);
  }

  close(): Promise<void> {
    return this.#database.destroy();
  }
}
