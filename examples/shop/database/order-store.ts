/**
 * The orders, as OrderService keeps them, each with the idempotency key it was placed under: one row, one commit, so
 * neither can be there without the other. A key is good for ever, and there are never more keys than orders.
 */
import type { Generated, Kysely } from 'kysely';
import type { Migrations } from './migrate.ts';
import { openDatabase, ping } from './open-database.ts';
import type { Log } from './open-database.ts';
import type { PageRequest } from './page-request.ts';

export interface NewOrder {
  readonly user_id: number;
  readonly product: string;
  readonly quantity: number;
}

export interface Order extends NewOrder {
  readonly id: number;
  readonly status: 'created';
}

interface Tables {
  orders: {
    id: Generated<number>;
    user_id: number;
    product: string;
    quantity: number;
    status: 'created';
    idempotency_key: string | null;
  };
}

const migrations: Migrations = {
  '001 orders': (schema, id) =>
    schema
      .createTable('orders')
      .addColumn('id', id.type, id.build)
      .addColumn('user_id', 'bigint', (column) => column.notNull())
      .addColumn('product', 'text', (column) => column.notNull())
      .addColumn('quantity', 'bigint', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('idempotency_key', 'text', (column) => column.unique())
      .execute(),
};

const shown = ['id', 'user_id', 'product', 'quantity', 'status'] as const;

export class OrderStore {
  readonly #database: Kysely<Tables>;

  private constructor(database: Kysely<Tables>) {
    this.#database = database;
  }

  static async open(url: string, log: Log): Promise<OrderStore> {
    return new OrderStore(await openDatabase<Tables>({ url, schema: 'order_service', migrations, log }));
  }

  /** Undefined: an order was placed under this key before, or is just now by another replica; `findByKey` has it. */
  insert(order: NewOrder, key: string | undefined): Promise<Order | undefined> {
    return this.#database
      .insertInto('orders')
      .values({ ...order, status: 'created', idempotency_key: key ?? null })
      .onConflict((conflict) => conflict.column('idempotency_key').doNothing())
      .returning(shown)
      .executeTakeFirst();
  }

  findByKey(key: string): Promise<Order | undefined> {
    return this.#orders().where('idempotency_key', '=', key).executeTakeFirst();
  }

  find(id: number): Promise<Order | undefined> {
    return this.#orders().where('id', '=', id).executeTakeFirst();
  }

  list({ after, limit }: PageRequest): Promise<Order[]> {
    return this.#orders().where('id', '>', after).orderBy('id').limit(limit).execute();
  }

  /** 0: there is none. */
  async newestId(): Promise<number> {
    const row = await this.#database
      .selectFrom('orders')
      .select(({ fn }) => fn.max('id').as('id'))
      .executeTakeFirst();
    return row?.id ?? 0;
  }

  ping(): Promise<boolean> {
    return ping(this.#database);
  }

  close(): Promise<void> {
    return this.#database.destroy();
  }

  #orders() {
    return this.#database.selectFrom('orders').select(shown);
  }
}
