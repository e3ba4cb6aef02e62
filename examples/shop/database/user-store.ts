/** The users, as UserService keeps them. */
import type { Generated, Kysely } from 'kysely';
import type { Migrations } from './migrate.ts';
import { openDatabase, ping } from './open-database.ts';
import type { Log } from './open-database.ts';
import type { PageRequest } from './page-request.ts';

interface Tables {
  users: { id: Generated<number>; username: string; email: string };
}

export interface User {
  readonly id: number;
  readonly username: string;
  readonly email: string;
}

const migrations: Migrations = {
  '001 users': (schema, id) =>
    schema
      .createTable('users')
      .addColumn('id', id.type, id.build)
      .addColumn('username', 'text', (column) => column.notNull().unique())
      .addColumn('email', 'text', (column) => column.notNull().unique())
      .execute(),
};

export class UserStore {
  readonly #database: Kysely<Tables>;

  private constructor(database: Kysely<Tables>) {
    this.#database = database;
  }

  static async open(url: string, log: Log): Promise<UserStore> {
    return new UserStore(await openDatabase<Tables>({ url, schema: 'user_service', migrations, log }));
  }

  /** The user, or which of the two somebody else has. */
  async insert(user: Omit<User, 'id'>): Promise<User | 'username taken' | 'email taken'> {
    const insert = this.#database.insertInto('users').values(user);
    const stored = await insert
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
    if (stored !== undefined) return stored;
    const users = this.#database.selectFrom('users').select('id');
    const namesake = await users.where('username', '=', user.username).executeTakeFirst();
    return namesake === undefined ? 'email taken' : 'username taken';
  }

  find(id: number): Promise<User | undefined> {
    return this.#database.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
  }

  list({ after, limit }: PageRequest): Promise<User[]> {
    const users = this.#database.selectFrom('users').selectAll();
    return users.where('id', '>', after).orderBy('id').limit(limit).execute();
  }

  ping(): Promise<boolean> {
    return ping(this.#database);
  }

  close(): Promise<void> {
    return this.#database.destroy();
  }
}
