import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppStatus, InstanceStatus } from '../../src/core/status.ts';
import { appText, countsReadings, DevProject, renewed, serviceText } from './dev-project.ts';
import { allPids } from './command.ts';
import { untilGone } from './processes.ts';
import { slowTest } from '../fuzz/chance.ts';

/** `a` and `b` share a file, `c` imports of it a type alone. */
const shared = (): Record<string, string> => ({
  'tutti.ts': appText({ services: { a: '', b: '', c: '' }, head: countsReadings }),
  'lib/shared.ts': `import { word } from './word.ts';\nexport type Word = string;\nexport const phrase = (): string => word;\n`,
  'lib/word.ts': `export const word = 'one';\n`,
  'lib/lazy.ts': `export const late = 'late one';\n`,
  'services/a.ts': serviceText('a', {
    imports: `import { phrase } from '../lib/shared.ts';`,
    answer: `'a ' + phrase()`,
  }),
  'services/b.ts': serviceText('b', {
    imports: `import { phrase } from '../lib/shared.ts';`,
    answer: `'b ' + phrase()`,
  }),
  'services/c.ts': serviceText('c', {
    imports: `import type { Word } from '../lib/shared.ts';\nconst said: Word = 'c ';`,
    answer: `said + (await import('../lib/lazy.ts')).late`,
  }),
});

test('a saved file restarts the services that import it, and no other process', async () => {
  await using project = new DevProject(shared());
  const first = await project.start();
  assert.equal((await project.get('/a')).body, '{"text":"a one"}');

  let since = project.mark();
  project.write('services/a.ts', serviceText('a', { answer: `'a two'` }));
  await project.hears(/^\S+ a changed \(services\/a\.ts\): restarted in \d+\.\d\d s$/m, since);
  await project.serves('/a', 'a two');
  const second = await project.command.ready();
  assert.deepEqual(renewed(first, second), ['a#1']);

  since = project.mark();
  // An editor: another file renamed over it. Nobody but b imports it now, two steps away.
  project.replace('lib/word.ts', `export const word = 'two';\n`);
  await project.hears(/^\S+ b changed \(lib\/word\.ts\): restarted/m, since);
  await project.serves('/b', 'b two');
  const third = await project.command.ready();
  assert.deepEqual(renewed(second, third), ['b#1']);

  since = project.mark();
  project.write('services/a.ts', shared()['services/a.ts'] ?? '');
  await project.hears(/^\S+ a changed .*restarted/m, since);
  const fourth = await project.command.ready();
  since = project.mark();
  project.write(
    'lib/shared.ts',
    `export type Word = string;\nexport const phrase = (): string => 'three';\n`,
  );
  await project.hears(/^\S+ a, b changed \(lib\/shared\.ts\): restarted/m, since);
  assert.deepEqual(renewed(fourth, await project.command.ready()), ['a#1', 'b#1']);

  since = project.mark();
  project.write('lib/lazy.ts', `export const late = 'late two';\n`);
  await project.hears(/^\S+ c changed \(lib\/lazy\.ts\): restarted/m, since);
  await project.serves('/c', 'c late two');

  const changes = (await project.events()).events.filter(
    (event) => event.type === 'app' && event.name === 'service:changed',
  );
  assert.deepEqual(
    changes.map((event) => event.type === 'app' && `${event.service ?? ''}: ${event.reason}`),
    [
      'a: services/a.ts',
      'b: lib/word.ts',
      'a: services/a.ts',
      'a: lib/shared.ts',
      'b: lib/shared.ts',
      'c: lib/lazy.ts',
    ],
  );
  assert.deepEqual([...new Set(Object.keys(renewed(first, await project.command.ready())))].length, 3);
  assert.doesNotMatch(project.command.said, /^\{/m, 'logs are for people');
});

test('what is broken is shown with its line, and the old process answers until it is mended', async () => {
  await using project = new DevProject(shared());
  const before = await project.start();
  const good = shared()['services/a.ts'] ?? '';
  const breaks: [string, RegExp, string][] = [
    [
      'syntax',
      /SyntaxError: .*services\/a\.ts:5\)[\s\S]*const version: string = = /,
      good.replace('string = ', 'string = = '),
    ],
    [
      'throws',
      /boom \(services\/a\.ts:\d+\)[\s\S]*throw new Error\('boom'\);\n +\^/,
      `${good}\nthrow new Error('boom');\n`,
    ],
    [
      'missing',
      /cannot find "lib\/nobody\.ts", imported by services\/a\.ts\n +services\/a\.ts:1\n +import '\.\.\/lib\/nobody\.ts';\n/,
      `import '../lib/nobody.ts';\n${good}`,
    ],
    ['definition', /services\.a .*nosuch/, good.replace('  version,', '  version, nosuch: 1,')],
    ['clash', /GET \/b is the route of/, good.replace('GET /a', 'GET /b')],
    ['cycle', /circle: /, good.replace('  version,', `  version, needs: { a: remote('a') },`)],
  ];
  for (const [name, words, text] of breaks) {
    const since = project.mark();
    project.write('services/a.ts', text);
    assert.match(await project.hears('what runs stays', since), words, name);
    assert.equal((await project.get('/a')).body, '{"text":"a one"}', name);
    const note = /^what is in the files is not what runs, until it is mended: /;
    assert.match((await project.command.status()).notes.join('\n'), note);
    project.write('services/a.ts', good);
    await project.hears('mended: all can be read again', since);
    assert.deepEqual((await project.command.status()).notes, []);
  }
  // As it was: nobody had to end for all this.
  assert.deepEqual(renewed(before, await project.command.ready()), []);

  // Broken by what is not there; mended by its coming, in a folder that is new too.
  let since = project.mark();
  project.write(
    'services/a.ts',
    serviceText('a', { imports: `import { x } from '../new/deep/x.ts';`, answer: 'x' }),
  );
  await project.hears('what runs stays', since);
  since = project.mark();
  project.write('new/deep/x.ts', `export const x = 'out of nothing';\n`);
  await project.serves('/a', 'out of nothing');
  assert.match(await project.hears('restarted', since), /mended[\s\S]*a changed/);
  since = project.mark();
  rmSync(join(project.folder, 'services/b.ts'));
  assert.doesNotMatch(
    await project.hears('there is no file ./services/b.ts', since),
    /module-graph|import\(/,
  );
  project.write('services/b.ts', shared()['services/b.ts'] ?? '');
  await project.hears('mended: all can be read again', since);
  since = project.mark();
  rmSync(join(project.folder, 'new'), { recursive: true });
  await project.hears('cannot find "new/deep/x.ts"', since);
  project.write('new/deep/x.ts', `export const x = 'again';\n`);
  await project.serves('/a', 'again');
});

slowTest(
  'a file that is written in pieces is read when it is whole, and a hundred saves make few restarts',
  async () => {
    await using project = new DevProject(shared());
    const before = await project.start();
    const text = serviceText('a', { answer: `'whole'` });
    let since = project.mark();
    const { readings } = project;
    writeFileSync(join(project.folder, 'services/a.ts'), text.slice(0, 200));
    // Longer than the quiet that is waited for: it is being read already.
    await project.readAfter(readings);
    appendFileSync(join(project.folder, 'services/a.ts'), text.slice(200));
    await project.serves('/a', 'whole');
    await project.hears('restarted', since);
    assert.doesNotMatch(project.command.said.slice(since), /what runs stays/);

    since = project.mark();
    for (let save = 1; save <= 100; save += 1) {
      project.write('services/b.ts', serviceText('b', { answer: `'save ${String(save)}'` }));
      await pause(10);
    }
    await project.serves('/b', 'save 100');
    await project.hears('restarted', since);
    const after = await project.command.ready();
    const epochOf = (status: typeof after): number =>
      status.services.find(({ name }) => name === 'b')?.instances[0]?.epoch ?? 0;
    assert.ok(epochOf(after) - epochOf(before) <= 4, `${String(epochOf(after))} processes`);
    // The same again is no change.
    project.write('services/b.ts', serviceText('b', { answer: `'save 100'` }));
    project.write('services/c.ts', serviceText('c', { answer: `'c two'` }));
    await project.serves('/c', 'c two');
    assert.deepEqual(renewed(after, await project.command.ready()), ['c#1']);
  },
);

test('the app file is followed: more replicas, another service, a setting of .env, and each touches no one else', async () => {
  const head = `const env = readEnv(z.object({ GREETING: z.string().default('hello') }));`;
  const greeting = 'config: { greeting: env.GREETING }';
  const app = (services: Record<string, string>): string => appText({ head, services });
  await using project = new DevProject({
    'tutti.ts': app({ a: greeting, b: '' }),
    'services/a.ts': serviceText('a', { more: 'open: ({ config }) => config,', answer: 'parts.greeting' }),
    'services/b.ts': serviceText('b'),
    'services/d.ts': serviceText('d'),
  });
  const first = await project.start();
  assert.match((await project.get('/a')).body, /hello/);

  project.write('tutti.ts', app({ a: greeting, b: 'replicas: 2' }));
  await project.hears('b scaled to 2', 0);
  const second = await project.command.until('two of b', ({ services }) =>
    services.some(({ name, ready }) => name === 'b' && ready === 2),
  );
  assert.deepEqual(renewed(first, second), ['b#2']);

  project.write('.env', 'GREETING=servus\n');
  await project.hears(/^\S+ a changed \(\.env\): restarted/m, 0);
  await project.serves('/a', 'servus');
  const third = await project.command.ready();
  assert.deepEqual(renewed(second, third), ['a#1']);

  project.write('tutti.ts', app({ a: greeting, d: '' }));
  await project.hears('b removed', 0);
  await project.hears(/^\S+ d added \(tutti\.ts\): started/m, 0);
  await project.serves('/d', 'd one');
  assert.equal((await project.get('/b')).status, 404);
  const fourth = await project.command.ready();
  assert.deepEqual(renewed(third, fourth), ['d#1']);
  assert.deepEqual(
    Object.values(fourth.services).map(({ name }) => name),
    ['a', 'd', 'gateway:public'],
  );

  let since = project.mark();
  project.write('tutti.ts', `${app({ a: greeting, d: '' })}// nothing else\n`);
  await project.hears('tutti.ts changed: nothing to restart', since);
  since = project.mark();
  project.write('tutti.ts', app({ a: 'replicas: "many"', d: '' }));
  await project.hears(/services\.a\.replicas: expected a whole number/, since);
  since = project.mark();
  project.write('tutti.ts', app({ a: greeting, d: '' }));
  await project.hears('mended: all can be read again', since);
  assert.deepEqual(renewed(fourth, await project.command.ready()), []);
});

slowTest('a gateway moves to another port, and stays where it is when that one is taken', async () => {
  await using stranger = createServer();
  await once(stranger.listen(0, '127.0.0.1'), 'listening');
  const { port: taken } = stranger.address() as AddressInfo;
  const app = (gateway: string): string =>
    appText({ services: { a: '' }, gateways: `{ public: { ${gateway} } }` });
  await using project = new DevProject({
    'tutti.ts': app('port: 0, hooks: "./hooks.ts"'),
    'hooks.ts':
      'export const onError = (problem: { status: number }) => ({ body: { shaped: problem.status } });\n',
    'services/a.ts': serviceText('a'),
  });
  const first = await project.start();
  let since = project.mark();
  project.write('tutti.ts', app(`port: ${String(taken)}, hooks: "./hooks.ts"`));
  await project.hears(new RegExp(`${String(taken)}.*(taken|in use)`), since);
  assert.match((await project.get('/a')).body, /a one/);
  assert.deepEqual(renewed(first, await project.command.ready()), []);
  await stranger[Symbol.asyncDispose]();

  since = project.mark();
  appendFileSync(join(project.folder, 'tutti.ts'), '// now\n');
  await project.hears(/gateway public changed .*restarted/, since);
  assert.equal(await project.command.url(), `http://127.0.0.1:${String(taken)}`);
  assert.match((await project.get('/a')).body, /a one/);
  assert.deepEqual(renewed(first, await project.command.ready()), ['gateway:public#1']);

  since = project.mark();
  project.write('hooks.ts', 'export const onError = () => ({ body: { shaped: "anew" } });\n');
  await project.hears(/gateway public changed \(hooks\.ts\): restarted/, since);
});

slowTest(
  'a new route, need and grant work without a restart of the gateway, and one that had failed starts again',
  async () => {
    await using project = new DevProject({
      'tutti.ts': appText({ services: { a: '', b: 'restart: { maxRestarts: 0 }' } }),
      'services/a.ts': serviceText('a'),
      'services/b.ts': serviceText('b'),
    });
    const first = await project.start();
    project.write('services/b.ts', serviceText('b', { more: `open() { throw new Error('no database'); },` }));
    await project.hears(/^\S+ b changed .*: does not start: b#1 .*no database/m, 0);
    await project.command.until('b has failed', ({ services }) =>
      services.some(({ instances }) =>
        instances.some(({ slot, state }) => slot === 'b#1' && state === 'failed'),
      ),
    );
    project.write(
      'services/b.ts',
      serviceText('b', {
        imports: `import type a from './a.ts';`,
        more: `mayCall: { a: remote<typeof a>('a') },`,
        answer: `'b says ' + (await calls.a.get({})).text`,
        route: 'GET /brand/new',
      }),
    );
    await project.serves('/brand/new', 'b says a one');
    assert.equal((await project.get('/b')).status, 404);
    const after = await project.command.ready();
    assert.deepEqual(renewed(first, after), ['b#1']);
    assert.deepEqual(after.notes, []);
  },
);

test('a successor of the supervisor goes on following, and takes in what was saved while there was none', async () => {
  await using project = new DevProject(shared());
  const first = await project.start();
  const { supervisor } = first.pids;
  process.kill(supervisor, 'SIGKILL');
  project.write('services/a.ts', serviceText('a', { answer: `'saved meanwhile'` }));
  await project.serves('/a', 'saved meanwhile');
  project.write('services/b.ts', serviceText('b', { answer: `'saved later'` }));
  await project.serves('/b', 'saved later');
  const after = await project.command.ready();
  assert.notEqual(after.pids.supervisor, supervisor);
  assert.deepEqual(renewed(first, after), ['a#1', 'b#1']);
});

slowTest(
  'Ctrl-C waits for nobody long, and who hangs does not outlive a keeper that was killed',
  async () => {
    const hangs = serviceText('a', { more: 'close: () => new Promise(() => undefined),' });
    await using project = new DevProject({ ...shared(), 'services/a.ts': hangs });
    const status = await project.start();
    const began = performance.now();
    project.command.child.kill('SIGINT');
    assert.equal(await project.command.exited, 0);
    await untilGone(allPids(status));
    // 10 s are what it would have in `tutti start`.
    assert.ok(performance.now() - began < 8_000);

    const again = await project.start();
    project.command.child.kill('SIGKILL');
    const instances = again.services.flatMap(({ instances: all }) => all.map(({ pid }) => pid ?? 0));
    // And here 5 s.
    assert.ok((await untilGone(instances)) < 4_000);
    await untilGone(allPids(again));
  },
);

test('an app that cannot start is refused as by tutti start', async () => {
  await using project = new DevProject({ ...shared(), 'services/a.ts': 'const = 1;\n' });
  assert.equal(await project.launch().exited, 3);
  assert.match(project.command.said, /services\/a\.ts:1/);
});

/** Starts only when there is a file `go`, and never closes: to be caught in the middle of either. */
const slow = `open: async () => {
    const { existsSync } = await import('node:fs');
    while (!existsSync(new URL('../go', import.meta.url))) await new Promise((done) => setTimeout(done, 20));
  },
  close: () => new Promise(() => undefined),`;

const withSlow = appText({ services: { a: '', b: 'replicas: 2' } });
const withoutSlow = appText({ services: { a: '' } });

async function startWithSlow(): Promise<DevProject> {
  const project = new DevProject({
    'tutti.ts': withSlow,
    'services/a.ts': serviceText('a'),
    'services/b.ts': serviceText('b', { more: slow }),
    go: '',
  });
  await project.start();
  return project;
}

const instancesOfB = ({ services }: AppStatus): readonly InstanceStatus[] =>
  services.find(({ name }) => name === 'b')?.instances ?? [];

/** Until the roll is in this stage; gives who is of `b` then. */
async function rollUntil(project: DevProject, stage: 'starting' | 'draining'): Promise<InstanceStatus[]> {
  if (stage === 'starting') rmSync(join(project.folder, 'go'));
  await project.command.admin.post('/restart', { target: 'b', rolling: true });
  const isThere = (status: AppStatus): boolean => instancesOfB(status).some(({ state }) => state === stage);
  return [...instancesOfB(await project.command.until(`one is ${stage}`, isThere))];
}

const endsOfRolls = async (project: DevProject): Promise<string[]> =>
  (await project.events()).events.flatMap((event) =>
    event.type === 'app' && /^roll:(un)?done$/.test(event.name) ? [event.name] : [],
  );

/** That it is as if it had never been, and can be again: no process has the name of an earlier one. */
async function assertGone(project: DevProject, before: readonly InstanceStatus[]): Promise<void> {
  await untilGone(before.map(({ pid }) => pid ?? 0));
  const { services } = await project.command.ready();
  assert.deepEqual(
    services.map(({ name }) => name),
    ['a', 'gateway:public'],
  );
  assert.deepEqual(await endsOfRolls(project), ['roll:undone']);
  project.write('go', '');
  project.write('tutti.ts', withSlow);
  await project.serves('/b', 'b one');
  const after = instancesOfB(await project.command.ready());
  assert.equal(after.length, 2);
  for (const { slot, epoch } of after)
    assert.ok(epoch > (before.find((one) => one.slot === slot)?.epoch ?? 0), `${slot}@${String(epoch)}`);
}

for (const stage of ['starting', 'draining'] as const)
  slowTest(
    `a roll of a service that leaves the app while one is ${stage} is undone, and nothing of it is left`,
    async () => {
      await using project = await startWithSlow();
      const before = await rollUntil(project, stage);
      project.write('tutti.ts', withoutSlow);
      await project.hears('b removed', 0);
      await assertGone(project, before);
    },
  );

slowTest(
  'a supervisor that dies while it takes a service out of the app has a successor that ends what is left of it',
  async () => {
    await using project = await startWithSlow();
    const first = await project.command.status();
    const before = await rollUntil(project, 'draining');
    project.write('tutti.ts', withoutSlow);
    const kill = async (): Promise<AppStatus> => {
      const { supervisor } = (await project.command.status()).pids;
      process.kill(supervisor, 'SIGKILL');
      return project.command.until('there is a successor', ({ pids }) => pids.supervisor !== supervisor);
    };
    await project.command.until('all of b drain', (now) =>
      instancesOfB(now).every(({ state }) => state === 'draining' || state === 'stopping'),
    );
    await kill();
    // Nor has one that comes later, when all is done.
    await untilGone(before.map(({ pid }) => pid ?? 0));
    assert.deepEqual(renewed(first, await kill()), []);
    await assertGone(project, before);
  },
);

slowTest(
  'how a service is called is another from the moment the app file says so, and nobody is restarted for it',
  async () => {
    const files = (deadlineMs: number): Record<string, string> => ({
      'tutti.ts': appText({
        services: { a: '', b: `calls: { deadlineMs: ${String(deadlineMs)}, breaker: false }` },
      }),
      'services/a.ts': serviceText('a', {
        answer: `await calls.b.get({}).catch((error: any) => 'given up after ' + error.data.afterMs)`,
        more: `needs: { b: remote('b') },`,
      }),
      'services/b.ts': serviceText('b', { answer: 'await new Promise(() => undefined)' }),
    });
    await using project = new DevProject(files(200));
    const before = await project.start();
    assert.equal((await project.get('/a')).body, '{"text":"given up after 200"}');
    project.write('tutti.ts', files(100)['tutti.ts'] ?? '');
    await project.serves('/a', 'given up after 100');
    assert.deepEqual(renewed(before, await project.command.ready()), []);
  },
);
