/** Streams as users write them: what is checked, where an error shows, how a handler hears of the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { checkService } from '../../src/define/check-service.ts';
import { contract, implement } from '../../src/define/contract.ts';
import { defineService, remote } from '../../src/define/service.ts';
import type { ServiceDefinition } from '../../src/define/service.ts';
import { gate, hasCode } from '../mesh/mesh-world.ts';
import { HostWorld } from './host-world.ts';

const Row = z.object({ id: z.int(), name: z.string().default('nobody') });

let leftBy: string | undefined;
const left = gate();

const rows = defineService({
  name: 'rows',
  errors: { NO_TABLE: { http: 404, text: 'There is no table {name}' } },
  actions: (action) => ({
    read: action.stream({
      input: z.object({ table: z.string(), to: z.int().default(3) }),
      yields: Row,
      output: z.object({ count: z.int() }),
      http: { route: 'GET /rows', eventId: ({ id }) => id, resume: 'after' },
      async *run({ input, fail }) {
        await Promise.resolve();
        if (input.table === 'none') fail('NO_TABLE', { name: input.table });
        for (let id = 1; id <= input.to; id += 1) yield { id, secret: 'x' };
        return { count: input.to };
      },
    }),
    wrong: action.stream({
      yields: Row,
      *run() {
        yield { id: 1 };
        yield { id: 'two' } as unknown as { id: number };
      },
    }),
    write: action.stream({
      input: z.object({ upTo: z.int().default(100) }),
      items: Row,
      output: z.object({ names: z.array(z.string()) }),
      async run({ input, items }) {
        const names: string[] = [];
        for await (const { name } of items) {
          names.push(name);
          if (names.length >= input.upTo) break;
        }
        return { names };
      },
    }),
    echo: action.stream({
      items: z.string(),
      yields: z.string(),
      async *run({ items }) {
        for await (const item of items) yield item.toUpperCase();
      },
    }),
    ticks: action.stream({
      yields: z.int(),
      silenceMs: Infinity,
      async *run({ signal }) {
        try {
          yield 1;
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
          });
        } finally {
          leftBy = (signal.reason as { code?: string } | undefined)?.code;
          left.open();
        }
      },
    }),
  }),
});

/** Any of the clients of `rows`: here the wrong things are asked for too. */
interface AnyClient {
  stream(...args: unknown[]): AsyncIterable<unknown> & { readonly result: Promise<unknown> };
  send(...args: unknown[]): Promise<unknown>;
}
type Clients = Readonly<Record<'read' | 'wrong' | 'write' | 'echo' | 'ticks', AnyClient>>;

/** Calls `rows` with the typed client, as a handler would. */
async function withClient(use: (clients: Clients) => Promise<void>): Promise<void> {
  await using world = new HostWorld();
  await world.host(rows);
  await world.host(
    defineService({
      name: 'user',
      needs: { rows: remote<typeof rows>('rows') },
      actions: (action) => ({ go: action({ run: ({ calls }) => use(calls.rows as unknown as Clients) }) }),
    }),
  );
  await world.caller().call('user', 'go', {});
}

test('items are checked and cut to their schema, and the result comes at the end', () =>
  withClient(async ({ read }) => {
    const stream = read.stream({ table: 'a' });
    assert.deepEqual(
      await Array.fromAsync(stream),
      [1, 2, 3].map((id) => ({ id, name: 'nobody' })),
    );
    assert.deepEqual(await stream.result, { count: 3 });
  }));

test('a bad input and an error before the first item are plain errors', () =>
  withClient(async ({ read }) => {
    const bad = read.stream({ table: 7 });
    await assert.rejects(
      Array.fromAsync(bad),
      (error: Error) => hasCode('INVALID_INPUT')(error) && /^table: /.test(error.message),
    );
    await assert.rejects(Array.fromAsync(read.stream({ table: 'none' })), hasCode('NO_TABLE'));
  }));

test('an item that is not what was declared ends the stream, on the side whose fault it is', () =>
  withClient(async ({ wrong, write }) => {
    const got: unknown[] = [];
    await assert.rejects(async () => {
      for await (const item of wrong.stream({})) got.push(item);
    }, hasCode('INVALID_OUTPUT'));
    assert.deepEqual(got, [{ id: 1, name: 'nobody' }]);
    await assert.rejects(
      write.send({}, [{ id: 1 }, { id: 2 }, { id: 'three' }]),
      (error: Error) => hasCode('INVALID_INPUT')(error) && /^items\.2\.id: /.test(error.message),
    );
  }));

test('items go to the handler, which may have enough before their end', () =>
  withClient(async ({ write, echo }) => {
    assert.deepEqual(await write.send({}, [{ id: 1, name: 'Ada' }, { id: 2 }]), {
      names: ['Ada', 'nobody'],
    });
    function* forever(): Generator<{ id: number; name: string }> {
      for (let id = 0; ; id += 1) yield { id, name: `n${String(id)}` };
    }
    assert.deepEqual(await write.send({ upTo: 2 }, forever()), { names: ['n0', 'n1'] });
    assert.deepEqual(await Array.fromAsync(echo.stream({}, ['a', 'b'])), ['A', 'B']);
  }));

test('who leaves the loop ends the handler: its signal says so, its finally runs', () =>
  withClient(async ({ ticks }) => {
    for await (const tick of ticks.stream()) if (tick === 1) break;
    await left.opened;
    assert.equal(leftBy, 'CANCELLED');
  }));

test('a stream of a contract is one too', async () => {
  const promised = contract({
    name: 'promised',
    actions: { count: { input: z.object({ to: z.int() }), yields: z.int() } },
  });
  await using world = new HostWorld();
  await world.host(
    implement(promised, {
      actions: {
        *count({ input }) {
          for (let n = 0; n < input.to; n += 1) yield n;
        },
      },
    }),
  );
  const stream = world.caller().stream('promised', 'count', { to: 3 });
  assert.deepEqual(await Array.fromAsync(stream), [0, 1, 2]);
});

test('over HTTP each item has its id, which a plain caller is not told', async () => {
  await using world = new HostWorld();
  await world.host(rows);
  const items = await Array.fromAsync(world.caller().streamForHttp('rows', 'read', { table: 'a', to: 1 }));
  assert.deepEqual(
    items.map(({ envelope }) => envelope),
    ['{"id":"1"}'],
  );
});

test('a definition that is wrong is told at once, each line with its fix', () => {
  const problems = (action: object): string[] =>
    checkService(
      defineService({
        name: 'x',
        actions: () => ({ a: { isStream: true, run: () => [], ...action } }),
      }) as ServiceDefinition,
    ).map(({ path, message }) => `${path}: ${message}`);
  assert.deepEqual(problems({}), [
    'actions.a: a stream has `yields` (items it gives), `items` (items it is given), or both',
  ]);
  assert.match(problems({ yields: Row, silenceMs: 0 })[0] ?? '', /silenceMs: expected a whole number/);
  assert.match(
    problems({ yields: Row, items: Row, http: 'POST /a' })[0] ?? '',
    /WebSocket, whose method is GET/,
  );
  assert.match(problems({ items: Row, http: 'GET /a' })[0] ?? '', /POST, PUT or PATCH/);
  assert.match(problems({ yields: Row, http: { route: 'GET /a', eventid: 1 } })[0] ?? '', /eventId/);
  assert.match(problems({ yields: Row, yeilds: Row })[0] ?? '', /yields/);
  assert.deepEqual(
    problems({ yields: Row, http: { route: 'GET /a', eventId: () => 1, resume: 'after' } }),
    [],
  );
});
