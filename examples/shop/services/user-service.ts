/**
 * UserService: who may order. It needs no other service, so it also answers `GET /`.
 */
import { defineService } from 'tutti';
import { z } from 'zod';
import { UserStore } from '../database/user-store.ts';
import { enveloped } from './envelope.ts';
import { Id, text } from './fields.ts';
import { pageOf, PageInput, pageRequest } from './page.ts';

const NewUser = z.strictObject({ username: text(100), email: z.email().max(254) });
const User = z.object({ id: Id, username: z.string(), email: z.string() });
const Created = z.object({ message: z.string(), user: User });
const Found = z.object({ user: User });
const Listed = z.object({ users: z.array(User), count: z.int(), next_cursor: z.string().optional() });

const Refusal = z.object({ row: z.int(), message: z.string() });
const Imported = z.object({
  status: z.literal('success'),
  imported: z.int(),
  refused: z.int(),
  /** The first of them. */
  refusals: z.array(Refusal),
  request_id: z.string(),
});
const mostRefusals = 100;

/** Gives why not, if not. */
async function importUser(users: UserStore, item: unknown): Promise<string | undefined> {
  const { data, error } = NewUser.safeParse(item);
  if (data === undefined)
    return error.issues
      .map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
      .join('; ');
  const user = await users.insert(data);
  return typeof user === 'string'
    ? `${user}: ${user === 'email taken' ? data.email : data.username}`
    : undefined;
}

const endpoints = {
  users: '/users',
  orders: '/orders',
  notifications: '/notifications',
  services: '/services',
  health: '/health',
};
const version = '1.0.0';

export default defineService({
  name: 'UserService',
  version,
  config: z.strictObject({ database: z.string() }),
  errors: {
    USERNAME_TAKEN: { http: 409, text: 'The username {username} is already taken' },
    EMAIL_TAKEN: { http: 409, text: 'The email {email} is already taken' },
  },
  open: async ({ config, log }) => ({ users: await UserStore.open(config.database, log) }),
  actions: (action) => ({
    describe_shop: action({
      http: 'GET /',
      summary: 'What is served here',
      output: z.object({
        message: z.string(),
        version: z.string(),
        endpoints: z.record(z.string(), z.string()),
      }),
      idempotent: true,
      run: () => ({ message: 'Shop: three services, each in its own process', version, endpoints }),
    }),
    create_user: action({
      http: enveloped('POST /users', Created, 201),
      summary: 'Create a user',
      input: NewUser,
      output: Created,
      async run({ input, parts, fail }) {
        const user = await parts.users.insert(input);
        if (user === 'username taken') return fail('USERNAME_TAKEN', input);
        if (user === 'email taken') return fail('EMAIL_TAKEN', input);
        return { message: 'User created successfully', user };
      },
    }),
    import_users: action.stream({
      http: 'POST /users/import',
      summary: 'Create many users, one per line; those that are refused are told, the others are there',
      items: z.unknown(),
      output: Imported,
      async run({ items, parts, requestId }) {
        let [row, imported, refused] = [0, 0, 0];
        const refusals: z.input<typeof Refusal>[] = [];
        for await (const item of items) {
          row += 1;
          const message = await importUser(parts.users, item);
          if (message === undefined) imported += 1;
          else if ((refused += 1) <= mostRefusals) refusals.push({ row, message });
        }
        return { status: 'success' as const, imported, refused, refusals, request_id: requestId };
      },
    }),
    get_user: action({
      http: enveloped('GET /users/:id', Found),
      summary: 'One user',
      input: z.strictObject({ id: Id }),
      output: Found,
      idempotent: true,
      async run({ input, parts, fail }) {
        const user = await parts.users.find(input.id);
        return user === undefined ? fail('NOT_FOUND', { what: `User ${String(input.id)}` }) : { user };
      },
    }),
    list_users: action({
      http: enveloped('GET /users', Listed),
      summary: 'All users, page by page',
      input: PageInput,
      output: Listed,
      idempotent: true,
      async run({ input, parts }) {
        const { rows, ...page } = pageOf(await parts.users.list(pageRequest(input)), input.limit);
        return { users: rows, ...page };
      },
    }),
    validate_user: action({
      input: z.strictObject({ user_id: Id }),
      output: z.object({ valid: z.boolean(), user_id: Id }),
      idempotent: true,
      async run({ input, parts }) {
        return { valid: (await parts.users.find(input.user_id)) !== undefined, user_id: input.user_id };
      },
    }),
  }),
  check: ({ parts }) => parts.users.ping(),
  close: ({ parts }) => parts.users.close(),
});
