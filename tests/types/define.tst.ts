import { expect, test } from 'tstyche';
import { z } from 'zod';
import { contract, defineApp, defineQueue, defineService, implement, remote } from '../../src/index.ts';

const User = z.object({ id: z.int(), username: z.string(), born: z.date().optional() });

export const users = defineService({
  name: 'users',
  config: z.object({ database: z.string() }),
  errors: { USERNAME_TAKEN: { http: 409, text: 'This username is taken' } },
  emits: { 'user.created': User },
  open({ config }) {
    expect(config.database).type.toBe<string>();
    return {
      db: {
        find: (id: number) => (id > 0 ? { id, username: config.database } : undefined),
        close: () => undefined,
      },
    };
  },
  actions: (action) => ({
    get: action({
      http: 'GET /users/:id',
      input: z.object({ id: z.int().positive() }),
      output: User,
      idempotent: true,
      run: ({ input, parts, fail }) => parts.db.find(input.id) ?? fail('NOT_FOUND', { what: 'User' }),
    }),
    create: action({
      http: {
        route: 'POST /users',
        status: 201,
        reply: (user, { requestId }) => ({ user, name: user.username, requestId }),
      },
      input: z.object({ username: z.string(), role: z.string().default('none') }),
      output: User,
      async run({ input, emit, fail }) {
        expect(input.role).type.toBe<string>();
        if (input.username === 'taken') fail('USERNAME_TAKEN');
        // @ts-expect-error a code that nobody declared
        if (input.username === 'odd') fail('USERNAME_TAKEM');
        await emit('user.created', { id: 1, username: input.username });
        // @ts-expect-error an event that is not declared
        await emit('user.creatd', { id: 1, username: input.username });
        // @ts-expect-error a payload that does not fit
        await emit('user.created', { id: 'one' });
        return { id: 1, username: input.username };
      },
    }),
    list: action({ run: ({ parts }) => [parts.db.find(1)] }),
    at: action({
      input: z.object({ n: z.number() }),
      run: () => ({ at: new Date(0), f: () => 1, m: undefined as string | undefined }),
    }),
  }),
  close: ({ parts }) => {
    parts.db.close();
  },
});

const mail = contract({
  name: 'mail',
  actions: {
    send: { input: z.object({ to: z.email() }), output: z.object({ sent: z.boolean() }) },
    watch: { input: z.object({ box: z.string() }), yields: z.object({ at: z.date() }) },
    sort: { input: z.object({ box: z.string() }), receives: z.object({ to: z.string() }), sends: z.date() },
  },
});

export const talk = defineService({
  name: 'talk',
  actions: (action) => ({
    watch: action.stream({
      input: z.object({ room: z.string() }),
      yields: z.object({ at: z.date(), text: z.string() }),
      http: { route: 'GET /rooms/:room', eventId: (item) => item.text, resume: 'after' },
      *run({ input, signal }) {
        expect(input.room).type.toBe<string>();
        expect(signal).type.toBe<AbortSignal>();
        yield { at: new Date(0), text: input.room };
      },
    }),
    load: action.stream({
      items: z.object({ n: z.number(), role: z.string().default('none') }),
      output: z.object({ count: z.number() }),
      async run({ items }) {
        let count = 0;
        for await (const item of items) {
          expect(item.role).type.toBe<string>();
          count += item.n;
        }
        return { count };
      },
    }),
    chat: action.stream({
      items: z.string(),
      yields: z.string(),
      output: z.object({ said: z.number() }),
      async *run({ items }) {
        let said = 0;
        for await (const item of items) {
          said += 1;
          yield item;
        }
        return { said };
      },
    }),
    wrong: action.stream({
      yields: z.string(),
      // @ts-expect-error what it yields is not what it declares
      *run() {
        yield 1;
      },
    }),
  }),
});

export const work = defineService({
  name: 'work',
  actions: (action) => ({
    commands: action.channel({
      input: z.object({ after: z.number().default(0) }),
      receives: z.object({ n: z.number(), role: z.string().default('none') }),
      sends: z.object({ at: z.date() }),
      async run({ channel, input, signal }) {
        expect(input.after).type.toBe<number>();
        expect(signal).type.toBe<AbortSignal>();
        for await (const command of channel) {
          expect(command).type.toBe<{ n: number; role: string }>();
          await channel.send({ at: new Date(command.n) }, { deadlineMs: 100 });
          // @ts-expect-error a message that is not what it declares
          await channel.send({ at: command.n });
        }
        expect(channel).type.not.toHaveProperty('close');
      },
    }),
    bare: action.channel({ receives: z.string(), sends: z.string(), run: () => undefined }),
    // @ts-expect-error it sends, and does not say what
    half: action.channel({ receives: z.string(), run: () => undefined }),
  }),
});

implement(mail, {
  actions: {
    send: () => ({ sent: true }),
    *watch() {
      yield { at: new Date(0) };
    },
    async sort({ channel, input }) {
      expect(input.box).type.toBe<string>();
      for await (const { to } of channel) await channel.send(new Date(to));
    },
  },
});

test('channels are typed on both sides', () => {
  defineService({
    name: 'caller',
    needs: { work: remote<typeof work>('work'), mail: remote(mail) },
    actions: (action) => ({
      go: action({
        run: async ({ calls }) => {
          await using channel = await calls.work.commands.open(
            { after: 1 },
            { reconnect: { forMs: 1_000, input: ({ code }) => ({ after: code.length }) } },
          );
          await channel.send({ n: 1 }, { deadlineMs: 100 });
          for await (const notice of channel) expect(notice).type.toBe<{ at: string }>();
          await channel.close();
          channel.cancel('enough');
          await calls.work.bare.open();
          for await (const at of await calls.mail.sort.open({ box: 'x' })) expect(at).type.toBe<string>();
          expect(calls.work.commands).type.not.toHaveProperty('stream');
          expect(calls.work.commands).type.not.toBeAssignableTo<(...args: never[]) => unknown>();
          // @ts-expect-error a message that does not fit
          await channel.send({ n: 'one' });
          // @ts-expect-error the box is missing
          await calls.mail.sort.open({});
          // @ts-expect-error what the next run begins with is not what it wants
          await calls.mail.sort.open({ box: 'x' }, { reconnect: { forMs: 1, input: () => ({}) } });
          // @ts-expect-error a policy says what the next run begins with
          await calls.work.bare.open({}, { reconnect: { forMs: 1 } });
          // @ts-expect-error a channel has no deadline of its own
          await calls.work.bare.open({}, { deadlineMs: 1 });
        },
      }),
    }),
  });
});

test('streams are typed on both sides', () => {
  defineService({
    name: 'caller',
    needs: { talk: remote<typeof talk>('talk'), mail: remote(mail) },
    actions: (action) => ({
      go: action({
        run: async ({ calls }) => {
          for await (const item of calls.talk.watch.stream({ room: 'a' }))
            expect(item).type.toBe<{ at: string; text: string }>();
          expect(await calls.talk.load.send({}, [{ n: 1 }])).type.toBe<{ count: number }>();
          const chat = calls.talk.chat.stream({}, ['a']);
          for await (const item of chat) expect(item).type.toBe<string>();
          expect(await chat.result).type.toBe<{ said: number }>();
          for await (const item of calls.mail.watch.stream({ box: 'x' }))
            expect(item).type.toBe<{ at: string }>();
          // A stream is no function, and an action no stream.
          expect(calls.talk.watch).type.toHaveProperty('stream');
          expect(calls.talk.watch).type.not.toHaveProperty('send');
          expect(calls.talk.load).type.not.toHaveProperty('stream');
          expect(calls.mail.send).type.not.toHaveProperty('stream');
          expect(calls.talk.watch).type.not.toBeAssignableTo<(...args: never[]) => unknown>();
          // @ts-expect-error an item that does not fit
          await calls.talk.load.send({}, [{ n: 'one' }]);
          // @ts-expect-error the room is missing
          calls.talk.watch.stream({});
        },
      }),
    }),
  });
});

export const orders = defineService({
  name: 'orders',
  needs: { users: remote<typeof users>('users') },
  mayCall: { mail: remote(mail) },
  actions: (action) => ({
    create: action({
      input: z.object({ userId: z.number() }),
      run: async ({ input, calls, emit }) => {
        const user = await calls.users.get({ id: input.userId });
        expect(user.username).type.toBe<string>();
        // A Date has become text on its way.
        expect(user.born).type.toBe<string | undefined>();
        expect(await calls.users.list()).type.toBe<({ id: number; username: string } | null)[]>();
        expect((await calls.users.at({ n: 1 })).at).type.toBe<string>();
        expect(await calls.mail.send({ to: 'a@b.c' })).type.toBe<{ sent: boolean }>();
        await calls.users.create({ username: 'x' });
        // Without `emits` any event goes.
        await emit('order.created', { any: 'thing' });
        expect(user).type.not.toHaveProperty('nope');
        expect(calls.users).type.not.toHaveProperty('gett');
        // @ts-expect-error wrong input
        await calls.users.get({ idd: 3 });
        // @ts-expect-error an input that is missing
        await calls.users.get();
        return user.username.length;
      },
    }),
  }),
  events: (on) => ({
    'user.created': on(User, ({ event, calls }) => {
      expect(event.username).type.toBe<string>();
      expect(calls.mail.send).type.not.toBe<never>();
    }),
    'cache.cleared': on.broadcast(z.object({ at: z.number() }), ({ event, log }) => {
      log.info('Cleared', { at: event.at });
    }),
    'user.paid': on.durable({ attempts: 5, backoff: { delayMs: 10 } }, User, ({ event, attempt }) => {
      expect(event.username).type.toBe<string>();
      expect(attempt).type.toBe<number>();
    }),
    // @ts-expect-error an option that nobody knows
    'user.left': on.durable({ attemps: 5 }, User, () => undefined),
  }),
});

test('a typo in the name of a remote does not compile', () => {
  // @ts-expect-error no such service
  remote<typeof users>('user');
  expect(remote<typeof users>('users').remote).type.toBe<'users'>();
});

test('an output that does not fit its schema does not compile', () => {
  defineService({
    name: 'bad',
    actions: (action) => ({
      // @ts-expect-error a text where a number was declared
      get: action({ output: z.object({ id: z.number() }), run: () => ({ id: 'one' }) }),
    }),
  });
});

const left = contract({
  name: 'left',
  actions: { size: { input: z.object({ n: z.number() }), output: z.number() } },
});
const right = contract({
  name: 'right',
  actions: { text: { input: z.object({ n: z.number() }), output: z.string() } },
});
export const leftService = implement(left, {
  needs: { right: remote(right) },
  open: () => ({ factor: 2 }),
  actions: {
    size: async ({ input, parts, calls }) => {
      const text = await calls.right.text({ n: input.n * parts.factor });
      expect(text).type.toBe<string>();
      return text.length;
    },
  },
});
export const rightService = implement(right, {
  needs: { left: remote(left) },
  actions: { text: async ({ input, calls }) => String(await calls.left.size({ n: input.n })) },
});

test('an action of a contract without its function does not compile', () => {
  // @ts-expect-error text is missing
  implement(right, { actions: {} });
});

test('how calls are made is typed in a service, an action, an app file and a call', () => {
  defineService({
    name: 'tuned',
    calls: { deadlineMs: 1_000, retries: 1, breaker: { inARow: 3 }, outliers: false },
    needs: { users: remote<typeof users>('users'), talk: remote<typeof talk>('talk') },
    actions: (action) => ({
      get: action({ idempotent: true, deadlineMs: 9, retries: 2, breaker: false, run: () => 1 }),
      // @ts-expect-error the bound stays two
      often: action({ idempotent: true, retries: 3, run: () => 1 }),
      // @ts-expect-error a stream has no deadline of its own
      watch: action.stream({ yields: User, deadlineMs: 9, run: () => [{ id: 1, username: '' }] }),
      go: action({
        run: async ({ calls }) => {
          await calls.users.get({ id: 1 }, { retries: 0 });
          calls.talk.watch.stream({ room: 'a' }, { retries: 0 });
          // @ts-expect-error the bound stays two
          await calls.users.get({ id: 1 }, { retries: 3 });
          // @ts-expect-error a breaker is of all calls
          await calls.users.get({ id: 1 }, { breaker: false });
        },
      }),
    }),
  });
  expect(defineApp).type.toBeCallableWith({
    name: 'shop',
    services: {
      users: { module: './users.ts', calls: { retries: 0, actions: { get: { breaker: false } } } },
    },
  });
  expect(defineApp).type.not.toBeCallableWith({
    name: 'shop',
    services: { users: { module: './users.ts', calls: { breaker: { inRow: 3 } } } },
  });
  implement(mail, {
    calls: { outliers: false },
    actions: {
      send: () => ({ sent: true }),
      watch: () => [{ at: new Date(0) }],
      sort: () => undefined,
    },
  });
});

test('a schedule is typed by the input of its queue', () => {
  const mail = defineQueue('mail', { input: z.object({ to: z.string() }) });
  defineService({
    name: 'office',
    async open({ jobs }) {
      const { input, nextAt } = await jobs.schedule(mail, 'nightly', { cron: '0 3 * * *' }, { to: 'ada' });
      expect(input).type.toBe<{ to: string }>();
      expect(nextAt).type.toBe<Date | undefined>();
      // @ts-expect-error not an input of this queue
      await jobs.schedule(mail, 'nightly', { everyMs: 60_000 }, { for: 'ada' });
      // @ts-expect-error a typo in an option
      await jobs.schedule(mail, 'nightly', { cron: '0 3 * * *', timezone: 'UTC' }, { to: 'ada' });
      // @ts-expect-error not one of the policies
      await jobs.schedule(mail, 'nightly', { cron: '0 3 * * *', missed: 'never' }, { to: 'ada' });
      return {};
    },
    actions: () => ({}),
  });
});

test('the events of a queue are told apart by their type', () => {
  const mail = defineQueue('mail', { input: z.object({ to: z.string() }) });
  defineService({
    name: 'office',
    async open({ jobs }) {
      for await (const event of jobs.events(mail, { after: '0', signal: AbortSignal.abort() })) {
        expect(event.at).type.toBe<Date>();
        if (event.type === 'following') {
          expect(event).type.not.toHaveProperty('id');
        } else {
          expect(event.id).type.toBe<string>();
          expect(event.reason).type.toBe<string | undefined>();
          expect(event.progress).type.toBe<unknown>();
        }
      }
      // @ts-expect-error not an option
      jobs.events(mail, { since: '0' });
      return {};
    },
    actions: () => ({}),
  });
});
