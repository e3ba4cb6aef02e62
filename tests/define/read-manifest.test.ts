import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { problemText } from '../../src/core/options.ts';
import type { ServiceEntry } from '../../src/define/app.ts';
import { readManifest } from '../../src/define/read-manifest.ts';
import { TemporaryFolder } from '../os/temporary-folder.ts';

const fixtures = fileURLToPath(new URL('../fixtures/services/tutti.ts', import.meta.url));

interface Read {
  readonly services: string[];
  readonly problems: string[];
}

async function read(
  modules: Record<string, string | ServiceEntry>,
  where: { readonly appFile?: string; readonly limitMs?: number } = {},
): Promise<Read> {
  const entries = Object.entries(modules).map(([name, entry]) => [
    name,
    typeof entry === 'string' ? { module: `./${entry}` } : entry,
  ]);
  const app = { name: 'test', services: Object.fromEntries(entries) as Record<string, ServiceEntry> };
  const { manifest, problems } = await readManifest(app, where.appFile ?? fixtures, where.limitMs);
  return { services: Object.keys(manifest.services), problems: problems.map(problemText) };
}

const vices: [string, string, string][] = [
  ['a module that is not there', 'no.ts', 'there is no file ./no.ts'],
  [
    'a module that imports one that is not there',
    'imports-nothing-there.ts',
    'cannot find "nothing-there.ts", imported by imports-nothing-there.ts',
  ],
  ['a module that throws', 'throws.ts', 'TypeError: no database at import (throws.ts:3)'],
  [
    'a module that exports something else',
    'wrong-export.ts',
    'the module must export a service: `export default defineService({...})`',
  ],
  [
    'a module that ends the process',
    'exits.ts',
    'could not be read: it ended with code 3\nI am out\\u001b[2J',
  ],
];
for (const [name, module, message] of vices) {
  test(`${name} is named with what is wrong`, async () => {
    assert.deepEqual((await read({ vice: module })).problems, [`services.vice.module: ${message}`]);
  });
}

test('what is wrong in one module hides nothing of the others', async () => {
  const { services, problems } = await read({
    no: 'no.ts',
    good: 'good.ts',
    throws: 'throws.ts',
    keeps: 'keeps-open.ts',
  });
  assert.deepEqual(services, ['good', 'keeps']);
  assert.equal(problems.length, 2);
});

test('a module that never ends is killed at the limit and named, and what was read before it is kept', async () => {
  const { services, problems } = await read(
    { good: 'good.ts', vice: 'endless.ts', a: 'need-a.ts' },
    { limitMs: 3_000 },
  );
  assert.deepEqual(services, ['good']);
  assert.deepEqual(problems, [
    'services.vice.module: could not be read: it took longer than 3 s; importing a service must not do work',
  ]);
});

test('a module that awaits what never comes is named', async () => {
  const { problems } = await read({ good: 'good.ts', vice: 'awaits-for-ever.ts' });
  assert.match(problems[0] ?? '', /^services\.vice\.module: could not be read: it awaits what never comes/);
});

test('a process that a module left behind does not hold up the reading', async () => {
  const startedAt = performance.now();
  await read({ vice: 'holds-pipes.ts' });
  assert.ok(performance.now() - startedAt < 9_000);
});

test('what a module prints disturbs nothing', async () => {
  assert.deepEqual(await read({ prints: 'prints.ts' }), { services: ['prints'], problems: [] });
});

test('a syntax error is told with its place', async () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file('broken.ts'), 'const a: number = 1;\n\nexport default { name: ;\n');
  writeFileSync(folder.file('broken.js'), 'export default { name: ;\n');
  const { problems } = await read({ ts: 'broken.ts', js: 'broken.js' }, { appFile: folder.file('tutti.ts') });
  assert.deepEqual(problems, [
    'services.ts.module: SyntaxError: Expression expected (broken.ts:3)',
    "services.js.module: SyntaxError: Unexpected token ';' (./broken.js)",
  ]);
});

test('a bad config and a wrong name are told at once', async () => {
  const { problems } = await read({ other: { module: './good.ts', config: { size: 'big' } } });
  assert.deepEqual(problems, [
    'services.other: the service in ./good.ts is named "good"; the key must be the same',
    'services.other.config.size: Invalid input: expected number, received string',
  ]);
});

test('a config that no schema asks for is told', async () => {
  const { problems } = await read({ a: { module: './need-a.ts', config: { size: 1 } }, b: 'need-b.ts' });
  assert.ok(problems.includes('services.a.config.size: the service declares no `config` schema'));
});

test('a schema that cannot say itself as JSON Schema is named', async () => {
  const { problems } = await read({ mute: 'no-json-schema.ts' });
  assert.match(
    problems[0] ?? '',
    /^services\.mute \(\.\/no-json-schema\.ts\) actions\.say\.input: mute gives no JSON Schema/,
  );
});

test('everything that is wrong in one definition is told at once, with its path', async () => {
  const { problems } = await read({ vices: 'many-vices.js' });
  const wrong = problems.map((problem) => problem.replace('services.vices (./many-vices.js) ', ''));
  assert.deepEqual(wrong, [
    'name: expected a name of letters, digits, "_" and "-", got "no name"',
    'acitons: unknown option "acitons"; did you mean "actions"?',
    'events: expected a function, got an object',
    'config: expected a schema (zod or another Standard Schema), got an object',
    'errors.taken: a code is written in capitals, like USERNAME_TAKEN',
    'errors.NOT_FOUND: this code is one of ours already; fail() takes it without declaring',
    'errors.ODD.http: expected a status from 400 to 599, got 200',
    'needs.users: expected remote<typeof other>(\'other\'), got "users"',
    'emits.user created: an event is named by words joined by dots, like user.created',
    'emits.user created: expected a schema (zod or another Standard Schema), got an object',
    'open: expected a function, got true',
    'actions.then: every object has this name; take another',
    'actions.get.rnu: unknown option "rnu"; did you mean "run"?',
    'actions.get.run: expected a function, got undefined',
    'actions.get.http: expected a route like "GET /users/:id", got "GET users"',
    'actions.make.idempotent: expected true or false, got 1',
    'actions.make.http.route: expected a route like "GET /users/:id", got "POST /a*"',
    'actions.make.http.bodyLimit: expected a whole number from 1 to 15728640, got "1mb"',
    'actions.make.http.status: expected a status from 200 to 299, got 404',
    'actions.make.http.reply: needs an `output` schema beside it',
    'services.vices: the service in ./many-vices.js is named "no name"; the key must be the same',
  ]);
});

test('cycles, strangers and routes that clash are told at once', async () => {
  const { problems } = await read({
    a: 'need-a.ts',
    b: 'need-b.ts',
    good: 'good.ts',
    lonely: 'needs-stranger.ts',
  });
  assert.deepEqual(problems, [
    'services.lonely.needs: no service of this app is named "goood"; did you mean "good"?',
    'services.lonely.mayCall: no service of this app is named "nobody"',
    'services.b.actions.get.http: GET /same/:b is the route of a.get already',
    'services.lonely.actions.health.http: /health is served by the gateway itself',
    'services.lonely.actions.things.http: GET /things/:name is the route of good.get already',
    'services: these need each other in a circle: a -> b -> a. Use mayCall for one of them',
  ]);
});
